"""How good predictions were for one part of the rows and for another.

Rates as in Hardt et al. (2016), Equality of opportunity in supervised learning; the gap between the
true positive rates is their difference in opportunity.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .accuracy import ENOUGH_DAYS, Floats, Measured, student

ENOUGH_ROWS = 100
"""A rate of fewer rows is not told: of so many, chance moves it by up to a tenth."""

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "calibration_bias")


class Rate(NamedTuple):
    """A rate of one group, and what tells how sure it is."""

    group: str
    name: str
    value: float
    rows: int
    """That it was computed from."""
    days: int
    """On which there were such rows."""
    by_day: Floats
    """What each of all days moved the rate by: 0 in sum, the same days for every group."""
    variance: float
    """Of the rate if rows had nothing to do with each other; never 0."""


def rates(
    groups: NDArray[np.str_],
    labels: Floats,
    predictions: NDArray[np.float32],
    days: NDArray[np.int64],
    threshold: float,
) -> Iterator[Rate]:
    """The rates of each group with enough rows for them.

    `selection_rate`: acted on, of all. `true_positive_rate`: acted on, of those where it came.
    `false_positive_rate`: acted on, of those where it did not. `calibration_bias`: mean prediction
    minus observed rate.
    """
    acted = (predictions >= threshold).astype(np.float64)
    errors = predictions.astype(np.float64) - labels
    everywhere = np.ones(len(labels), np.bool_)
    of = {
        "selection_rate": (acted, everywhere),
        "true_positive_rate": (acted, labels == 1),
        "false_positive_rate": (acted, labels == 0),
        "calibration_bias": (errors, everywhere),
    }
    _, day = np.unique(days, return_inverse=True)
    for group in np.unique(groups):
        for name in RATES:
            values, among = of[name]
            rows = (groups == group) & among
            if rows.sum() >= ENOUGH_ROWS:
                yield _rate(str(group), name, values[rows], day[rows], int(day.max()) + 1)


def _rate(group: str, name: str, values: Floats, day: NDArray[np.int64], days: int) -> Rate:
    mean = float(values.mean())
    sums, counts = np.bincount(day, values, days), np.bincount(day, minlength=days)
    by_day = (sums - mean * counts) / len(values)
    # A rate of 0 or 1 is not sure either: as if one row more had been so, and one otherwise.
    variance = float(np.append(values, [0.0, 1.0]).var()) / (len(values) + 2)
    return Rate(group, name, mean, len(values), int((counts > 0).sum()), by_day, variance)


def gap(found: Sequence[Rate]) -> Measured | None:
    """The largest difference of one rate between two groups that were there on enough days.

    None with fewer than two such groups. The bounds hold for all pairs at once, at 95 %
    (Bonferroni): of some pair the difference surely is `low` at least, of none more than `high`.
    They take days as what was drawn, as `mean_by_day` does, the same days for both groups; and are
    never narrower than if rows were independent, with a row more of each kind (Agresti and Caffo,
    2000).
    """
    enough = [rate for rate in found if rate.days >= ENOUGH_DAYS]
    pairs = list(combinations(enough, 2))
    if not pairs:
        return None
    z = NormalDist().inv_cdf(1 - 0.025 / len(pairs))
    differences = [abs(one.value - other.value) for one, other in pairs]
    errors = [_error(one, other, z) for one, other in pairs]
    # The two that lie farthest apart may be few rows: another pair may be surer of less.
    low = max(value - error for value, error in zip(differences, errors, strict=True))
    high = max(value + error for value, error in zip(differences, errors, strict=True))
    return Measured(max(differences), max(0.0, low), high)


def _error(one: Rate, other: Rate, z: float) -> float:
    """How far the difference between two rates may be off, with the normal quantile `z`."""
    days = len(one.by_day)
    by_day = days / (days - 1) * float(np.sum((one.by_day - other.by_day) ** 2))
    by_row = one.variance + other.variance
    t = student(z, min(one.days, other.days) - 1)
    return float(max(t * np.sqrt(by_day), z * np.sqrt(by_row)))
