"""Retention and erasure: what was logged goes when its time is over, or when a person asks."""
