"""Events in, predictions out, over a broker."""
