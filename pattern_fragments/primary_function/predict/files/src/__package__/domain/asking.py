"""When a prediction is asked for: its row may know anything up to then, and nothing later."""

from datetime import timedelta

import polars as pl

LEAD_TIME = timedelta(hours=1)
"""So long before the scheduled departure. What serving knows is as old as its features: an age that
is known beforehand can be added here, and training is as blind."""


def asked_at(departure: pl.Expr) -> pl.Expr:
    """The moment at which a flight that is to leave at `departure` is asked about, both in UTC."""
    return departure - LEAD_TIME
