"""Tests of the verification of a new version."""
