"""A tamper-evident record of what was answered."""
