"""Guards: the model is not asked about what it has not learnt, nor believed whatever it says."""
