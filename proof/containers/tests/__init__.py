"""Tests that need a container engine, kubectl or npm: `make prove-containers`."""
