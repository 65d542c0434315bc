"""When a prediction is asked for: its row may know anything up to then, and nothing later."""

from datetime import date

import polars as pl


def asked_at(departure: pl.Expr) -> pl.Expr:
    """The moment at which a flight that is to leave at `departure` is asked about, both in UTC.

    A run is for a day, and knows what was known when the day began.
    """
    return departure.dt.truncate("1d")


def is_of(day: date) -> pl.Expr:
    """Whether a row belongs to the run of a day; it sees the inputs that are timestamps, in UTC."""
    return asked_at(pl.col("scheduled_departure")).dt.date() == day
