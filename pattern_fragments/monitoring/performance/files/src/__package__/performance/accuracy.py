"""How good predictions were: ranking, calibration, and what acting on them cost."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..terms import Decision, costs
from ..training.evaluate import Figure, evaluate

DAY = 86_400

ENOUGH_OUTCOMES = 50
"""With fewer positive or negative ones nothing is said of how good predictions were."""

ENOUGH_DAYS = 7
"""Intervals compare days: with fewer there is none."""

Z_95 = 1.959964
"""The normal quantile of a 95 % interval."""

Floats = NDArray[np.float64]


class Measured(NamedTuple):
    """A figure, with its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


def accuracy(
    labels: Floats, predictions: NDArray[np.float32], times: NDArray[np.int64], decision: Decision
) -> dict[str, Measured]:
    """The figures of n predictions with their outcomes; empty when those are too few.

    `times` are in seconds since 1970 UTC. ROC AUC, Brier score and calibration error are those of
    the model's own test, computed by the same code; `calibration_bias` is the mean prediction minus
    the observed rate; costs are per prediction, `saving` against the better of acting always and
    never.
    """
    positives = int(labels.sum())
    if min(positives, len(labels) - positives) < ENOUGH_OUTCOMES:
        return {}
    days = times // DAY
    has_intervals = len(np.unique(days)) >= ENOUGH_DAYS
    test = evaluate(labels, predictions, times, seed=0)
    acted = predictions >= decision.threshold
    never, always, model = (
        costs(labels, acts, decision) for acts in (np.zeros_like(acted), np.ones_like(acted), acted)
    )
    better = never if never.mean() < always.mean() else always

    def of_test(figure: Figure) -> Measured:
        return _widened(figure, len(np.unique(days))) if has_intervals else Measured(figure.value)

    def mean(values: Floats) -> Measured:
        return mean_by_day(values, days) if has_intervals else Measured(float(values.mean()))

    return {
        "roc_auc": of_test(test.roc_auc),
        "brier": of_test(test.brier),
        "mean_prediction": Measured(float(predictions.mean())),
        "observed_rate": mean(labels),
        "calibration_bias": mean(predictions.astype(np.float64) - labels),
        "calibration_error": Measured(test.calibration_error),
        "cost": mean(model),
        "cost_never": Measured(float(never.mean())),
        "cost_always": Measured(float(always.mean())),
        "saving": mean(better - model),
    }


def mean_by_day(values: Floats, days: NDArray[np.int64]) -> Measured:
    """The mean of n values with an interval that takes days as what was drawn, not rows.

    Rows of a day share their weather. The mean is a ratio of daily sums to daily counts, with the
    linearised variance of Cochran (1977), Sampling Techniques, chapter 6.
    """
    _, day = np.unique(days, return_inverse=True)
    sums, counts = np.bincount(day, values), np.bincount(day)
    mean, number = float(values.mean()), len(counts)
    squares = float(np.sum((sums - mean * counts) ** 2))
    error = student(Z_95, number - 1) * np.sqrt(number / (number - 1) * squares) / len(values)
    return Measured(mean, float(mean - error), float(mean + error))


def student(z: float, freedom: int) -> float:
    """Student's quantile beside the normal one: days are few, and those of many pairs lie far out.

    Abramowitz and Stegun (1964), Handbook of mathematical functions, 26.7.5.
    """
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def _widened(figure: Figure, days: int) -> Measured:
    """An interval from resampled days, which is too narrow when there are few (Hesterberg 2015)."""
    factor = student(Z_95, days - 1) / Z_95 * np.sqrt(days / (days - 1))
    low, high = (
        figure.value + factor * (bound - figure.value) for bound in (figure.low, figure.high)
    )
    return Measured(figure.value, float(low), float(high))
