"""Batch scoring, from files to published predictions."""
