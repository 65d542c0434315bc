"""Scoring files: plan the parts, score them, publish them at once."""

DATE = "{date}"
"""What stands for the day in the setting `input`."""
