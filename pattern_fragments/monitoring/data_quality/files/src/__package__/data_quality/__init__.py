"""Data quality: one schema for what the model is trained on and for what it is asked."""
