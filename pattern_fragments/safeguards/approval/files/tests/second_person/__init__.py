"""No release reaches production on one person's word."""
