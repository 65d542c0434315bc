"""The past by unit and day: what an experiment would have seen, had there been one."""

from datetime import datetime

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import outcomes
from ..domain.experiment import unit_of, value
from ..logged import scan
from .compare import Sums

Floats = NDArray[np.float64]


class Past(msgspec.Struct, frozen=True):
    """n units over d days."""

    units: list[str]
    values: Floats
    """float64[n, d], the sum of the values of a unit's rows on a day."""
    errors: Floats
    """float64[n, d], the sum of their squared errors."""
    counts: Floats
    """float64[n, d], how many they are."""

    @property
    def days(self) -> int:
        """How many days these are."""
        return int(self.values.shape[1])

    def asked_days(self, days: int) -> int:
        """On so many of the first days somebody asked."""
        return int((self.counts[:, :days].sum(0) > 0).sum())

    def errors_until(self, days: int) -> Sums:
        """The squared errors of the units that were there in the first days."""
        errors, counts = self.errors[:, :days].sum(1), self.counts[:, :days].sum(1)
        return Sums(errors[counts > 0], counts[counts > 0])

    def until(self, days: int) -> tuple[NDArray[np.bool_], Sums]:
        """Which units were there in the first days, bool[n], and what those came to."""
        values, counts = self.values[:, :days].sum(1), self.counts[:, :days].sum(1)
        there = counts > 0
        return there, Sums(values[there], counts[there])


def read_past(log: str, told: str, since: datetime, until: datetime) -> Past:
    """The labelled predictions of [since, until) in a log, such as a backtest.

    Raises FileNotFoundError or ValueError when there is none.
    """
    known = outcomes.known(outcomes.scan(told), since, datetime.max.replace(tzinfo=since.tzinfo))
    rows = scan(log, since, until).join(known, on="prediction_id").collect()
    if rows.is_empty():
        raise ValueError(f"{told} holds no outcome of the predictions in {log} in these days")
    return past_of(
        unit_of(rows["inputs"].struct.unnest()),
        rows["time"],
        rows["prediction"].to_numpy(),
        rows["label"].to_numpy(),
    )


def past_of(
    units: pl.Series, times: pl.Series, predictions: NDArray[np.float32], labels: Floats
) -> Past:
    """The same from n rows: whose each is, when it was asked about, what was said and what came.

    Rows of nobody (null) are left out: they would be in no experiment.
    """
    own = units.is_not_null()
    units, times = units.filter(own), times.filter(own)
    predictions, labels = predictions[own.to_numpy()], labels[own.to_numpy()]
    days = times.dt.epoch("d").to_numpy()
    names, unit = np.unique(units.to_numpy(), return_inverse=True)
    first, number = int(days.min()), len(names)
    width = int(days.max()) - first + 1
    cell = unit * width + (days - first)
    shape = (number, width)

    def summed(rows: Floats) -> Floats:
        return np.bincount(cell, rows, number * width).reshape(shape).astype(np.float64)

    return Past(
        names.tolist(),
        summed(value(predictions, labels)),
        summed(np.square(predictions - labels)),
        summed(np.ones(len(cell))),
    )
