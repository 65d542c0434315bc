"""Tests of retention and erasure."""
