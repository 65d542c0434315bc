"""A candidate that scores what the champion scores, and never answers anybody."""
