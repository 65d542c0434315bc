"""Checks that contributors and generated services run, and the command that starts a new pattern."""
