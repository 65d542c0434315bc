"""Is the canary worse than the stable version? The queries of deploy/base/analysis.yaml in Python.

Each measure is a difference in margins of error: (difference - what is tolerated) / margin. Above 1
the canary is surely worse than tolerated, below -1 it surely is not, and in between nobody knows.
Calls are taken to be independent of each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, sqrt

from .figures import Figures

TAIL = 0.05
SPLITS = 2
"""The distance says something where so many bounds have more than the tail on either side."""


@dataclass(frozen=True)
class Limits:
    """The arguments of the AnalysisTemplate, and from when on an answer is slow."""

    enough: float
    """Calls to the canary below which nothing is decided."""

    errors_tolerated: float
    """So much higher may the canary's share of failed requests be."""

    refused_tolerated: float
    """So much higher may its share of requests be that it does not take as they are."""

    slow_tolerated: float
    """So much higher may the canary's share of slow answers be."""

    distance_tolerated: float
    """So far may the distributions of predicted values lie apart, 0 to 1."""

    z: float
    """The quantile of the normal distribution for the confidence that is asked for."""

    kolmogorov: float
    """The same of the Kolmogorov distribution."""

    slow_after: str
    """In seconds, as the bucket's label says it."""


class Verdict(Enum):
    """What a measurement says, in the words of Argo Rollouts."""

    SUCCESSFUL = "within limits"
    FAILED = "too far"
    INCONCLUSIVE = "not sure"


@dataclass(frozen=True)
class Measurement:
    """One figure of the canary beside that of the stable version."""

    name: str
    canary: float | None = None
    stable: float | None = None
    difference: float | None = None
    margins: float | None = None
    """The difference beyond what is tolerated, in margins of error.

    None where nothing can be compared; infinite where chance has no part in it.
    """

    @property
    def verdict(self) -> Verdict:
        """As successCondition and failureCondition say it."""
        if self.margins is not None and self.margins > 1:
            return Verdict.FAILED
        if self.margins is not None and self.margins < -1:
            return Verdict.SUCCESSFUL
        return Verdict.INCONCLUSIVE


def measure(canary: Figures, stable: Figures, limits: Limits) -> list[Measurement]:
    """Each figure of the two over the same stretch of time."""
    return [
        _of_restarts(canary, stable),
        _of_shares(
            "errors",
            (canary.failed, canary.asked),
            (stable.failed, stable.asked),
            limits.errors_tolerated,
            limits,
        ),
        _of_shares(
            "refused",
            (canary.refused, canary.received),
            (stable.refused, stable.received),
            limits.refused_tolerated,
            limits,
        ),
        _of_shares(
            "slow",
            (canary.slow, canary.answered),
            (stable.slow, stable.answered),
            limits.slow_tolerated,
            limits,
        ),
        _of_distance(canary.values, stable.values, limits),
    ]


def verdict_of(measured: Sequence[Measurement]) -> Verdict:
    """What the figures of a step say together: one that fails is enough, and all must succeed."""
    verdicts = {one.verdict for one in measured}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.SUCCESSFUL if verdicts == {Verdict.SUCCESSFUL} else Verdict.INCONCLUSIVE


def _of_restarts(canary: Figures, stable: Figures) -> Measurement:
    """A version that dies takes what it had counted with it, so no other figure tells."""
    difference = canary.restarts - stable.restarts
    margins = inf if difference > 0 else -inf
    return Measurement("restarts", canary.restarts, stable.restarts, difference, margins)


def _of_shares(
    name: str,
    canary: tuple[float, float],
    stable: tuple[float, float],
    tolerated: float,
    limits: Limits,
) -> Measurement:
    """The difference of two shares, each given as (bad, all).

    The margin is that of a score test: how far the difference strays by chance if the canary's
    share is what is tolerated, not what was seen of it, for none among few is not never. Bad ones
    are rare: their number varies as a Poisson number does, with a variance of about itself.
    """
    (bad, asked), (bad_before, asked_before) = canary, stable
    if asked < limits.enough or not asked_before:
        return Measurement(name)
    share, share_before = bad / asked, bad_before / asked_before
    at_most = (bad_before + 1) / asked_before
    margin = limits.z * sqrt((at_most + tolerated) / asked + at_most / asked_before)
    difference = share - share_before
    return Measurement(name, share, share_before, difference, (difference - tolerated) / margin)


def _of_distance(
    canary: Mapping[float, float], stable: Mapping[float, float], limits: Limits
) -> Measurement:
    """The Kolmogorov-Smirnov distance of two cumulative histograms, with the margin of its test.

    It says nothing where the two have other buckets, or where nearly all that the stable version
    predicts lies in one of them.
    """
    rows, rows_before = canary.get(inf, 0), stable.get(inf, 0)
    if rows < limits.enough or not rows_before or canary.keys() != stable.keys():
        return Measurement("distance")
    bounds = canary.keys() - {inf}
    splits = sum(TAIL < stable[bound] / rows_before < 1 - TAIL for bound in bounds)
    if splits < SPLITS:
        return Measurement("distance")
    distance = max(abs(canary[bound] / rows - stable[bound] / rows_before) for bound in bounds)
    margin = limits.kolmogorov * sqrt(1 / rows + 1 / rows_before)
    margins = (distance - limits.distance_tolerated) / margin
    return Measurement("distance", difference=distance, margins=margins)
