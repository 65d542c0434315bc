"""Outcomes joined with what was predicted."""
