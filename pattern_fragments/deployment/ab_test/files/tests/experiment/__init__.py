"""Experiments, from the header of a request to the verdict."""
