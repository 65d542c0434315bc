"""How good the predictions were, now that their outcomes are known."""
