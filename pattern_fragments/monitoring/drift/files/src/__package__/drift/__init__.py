"""Drift: what is asked and answered now, beside what the model was trained on."""
