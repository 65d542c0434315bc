"""The steps of training, one module each; `train.py` strings them together."""
