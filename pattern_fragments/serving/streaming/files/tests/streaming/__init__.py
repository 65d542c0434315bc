"""The consumer against real brokers, and its parts."""
