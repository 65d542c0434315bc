"""The prediction log: written, kept whole, read."""
