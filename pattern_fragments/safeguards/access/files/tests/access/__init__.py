"""Known callers only."""
