"""Rows to try the service with: flights as one would have asked about them, cancelled ones too.

It must provide

- DAYS: the days to try it with;
- rows(start, end): one row per question in [start, end): the inputs of the signature and `key`.
"""

from datetime import date, datetime
from functools import cache

import polars as pl

from .data import flights, with_schedule
from .features import INPUTS

DAYS = (date(2013, 7, 1), date(2013, 7, 2), date(2013, 7, 3))


def rows(start: datetime, end: datetime) -> pl.DataFrame:
    """The flights that are to leave in [start, end), in order of departure.

    One column per input of the signature, and `key`, which names the flight. Times are in UTC.
    """
    departure = pl.col("scheduled_departure")
    key = pl.format(
        "{}-{}-{}-{}",
        departure.dt.strftime("%Y-%m-%dT%H%MZ"),
        "origin",
        "carrier",
        "flight",
    )
    return (
        scheduled()
        .filter(departure.is_between(start, end, closed="left"))
        .sort("scheduled_departure", "carrier", "flight", "origin")
        .with_columns(pl.col("distance").cast(pl.Float64), key=key)
        .select("key", *(column.name for column in INPUTS))
    )


@cache
def scheduled() -> pl.DataFrame:
    """All flights of the year with their times in UTC; read once."""
    return with_schedule(flights())
