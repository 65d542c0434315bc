"""The figures as a table: what the command writes, and what the service and the report read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from ..object_store import ERRORS, options, place, write_parquet

MOMENT = pl.Datetime("us", "UTC")


class Line(NamedTuple):
    """One figure of one window and model version; of a group, where it is about one."""

    window: str
    """day, week, month, or recent."""
    start: datetime
    end: datetime
    model_version: str
    """Empty where it is about all."""
    segment: str
    """The input by which rows were parted; empty where it is about all rows."""
    group: str
    """The input's value."""
    figure: str
    value: float
    low: float | None
    high: float | None
    rows: int
    """That it was computed from."""


SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "window": pl.String,
    "start": MOMENT,
    "end": MOMENT,
    "model_version": pl.String,
    "segment": pl.String,
    "group": pl.String,
    "figure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "rows": pl.Int64,
}


def table(lines: Sequence[Line]) -> pl.DataFrame:
    """The lines as a frame."""
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")


def write(summary: pl.DataFrame, where: str) -> None:
    """Replace the summary at a path or URL, as a whole.

    Raises OSError or a polars error, or ValueError for a place that is none.
    """
    write_parquet(summary, place(where, "the summary"))


def read(where: str) -> pl.DataFrame:
    """The summary at a path or URL; raises ValueError when none is there that can be read."""
    try:
        # What is there may be replaced meanwhile: it is read in one go.
        summary = pl.read_parquet(where, glob=False, storage_options=options(where))
        return summary.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    except ERRORS as error:
        raise ValueError(f"there is no summary at {where}: {error}") from error
