"""A deployment rehearsed on this machine: real versions of the model, real traffic, no cluster."""
