"""What was asked as a frame: encoded columns turned back into values."""

from collections.abc import Sequence

import polars as pl

from .columns import UNKNOWN, Columns
from .signature import Input


def frame(inputs: Sequence[Input], columns: Columns) -> pl.DataFrame:
    """n rows with one column per input.

    Categories are text, null where training does not know them; timestamps are in UTC, to the
    second; numbers are float64.
    """
    return pl.DataFrame([_series(column, columns) for column in inputs])


def _series(column: Input, columns: Columns) -> pl.Series:
    values = pl.Series(column.name, columns[column.name])
    if column.type == "timestamp":
        return (values * 1_000_000).cast(pl.Datetime("us", "UTC"))
    if column.type == "category":
        known = pl.Series(column.categories, dtype=pl.String)
        return known.gather(values.set(values == UNKNOWN, None).cast(pl.UInt32)).alias(column.name)
    return values.cast(pl.Float64)
