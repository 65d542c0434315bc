"""Champion beside candidate, once outcomes are known: whose predictions came closer."""

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from ..terms import Decision, costs

Floats = NDArray[np.float64]

LEAST_DAYS = 7
"""From fewer days an interval says too little."""

CONFIDENCE = 0.95

SHARED = 2.0
"""A day's weather may begin in one day of the calendar and end in the next one. Where neighbours
alone have something in common, the variance of their mean is at most so many times that of
independent days."""


class Loss(msgspec.Struct, frozen=True):
    """What a prediction cost on average, of both, on the same rows."""

    champion: float
    candidate: float
    difference: float
    """Candidate minus champion: below 0 the candidate is better."""
    low: float
    high: float
    """The 95 % interval of the difference."""


class Outcomes(msgspec.Struct, frozen=True):
    """Both beside what came."""

    rows: int
    days: int
    squared_error: Loss
    """Of probabilities: the Brier score. The verdict rests on it."""
    cost: Loss
    """In the unit of `domain/value.py`, if somebody had acted on the predictions."""


def outcomes(
    labels: Floats, champion: Floats, candidate: Floats, days: NDArray[Any], decision: Decision
) -> Outcomes:
    """The losses of n rows; `days` has the day of each, and two different ones at least."""
    before, after = (
        costs(labels, one >= decision.threshold, decision) for one in (champion, candidate)
    )
    return Outcomes(
        rows=len(labels),
        days=len(np.unique(days)),
        squared_error=paired((champion - labels) ** 2, (candidate - labels) ** 2, days),
        cost=paired(before, after, days),
    )


def paired(champion: Floats, candidate: Floats, days: NDArray[Any]) -> Loss:
    """Compare what n rows cost with one and with the other.

    What is hard for both cancels out. Rows of a day have their weather in common, so days are what
    was drawn, and not rows: the interval is that of a mean of clusters (Cochran, Sampling
    Techniques, chapter 9A), with Student's t of one less than there are days.
    """
    difference = candidate - champion
    mean = float(difference.mean())
    off = np.bincount(np.unique(days, return_inverse=True)[1], difference - mean)
    drawn = len(off)
    variance = SHARED * drawn / (drawn - 1) * float(off @ off) / len(difference) ** 2
    error = float(t.ppf((1 + CONFIDENCE) / 2, drawn - 1)) * math.sqrt(variance)
    return Loss(float(champion.mean()), float(candidate.mean()), mean, mean - error, mean + error)
