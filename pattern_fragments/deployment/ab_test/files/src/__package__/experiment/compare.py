"""The statistics: each a call of scipy or statsmodels, on one value per unit.

Units are what is assigned, so they are what is counted: rows of a unit are not independent, and to
count them as if they were makes intervals too narrow.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from .assignment import ARMS

Floats = NDArray[np.float64]


class Sums(msgspec.Struct, frozen=True):
    """What the rows of n units come to: the sum of their values, and how many they are."""

    values: Floats
    """float64[n]."""
    counts: Floats
    """float64[n], none of them 0."""

    @property
    def mean(self) -> float:
        """The mean over all rows."""
        return float(self.values.sum() / self.counts.sum())

    @property
    def of_units(self) -> Floats:
        """One value per unit, whose mean is that over all rows, float64[n].

        A ratio of two sums varies as the mean of these does: the delta method, as in Deng,
        Knoblich and Lu (2018), Applying the delta method in metric analytics.
        """
        mean = self.mean
        linearised: Floats = mean + (self.values - mean * self.counts) / self.counts.mean()
        return linearised


class Difference(msgspec.Struct, frozen=True):
    """Challenger minus control, with its interval; `p_value` is that of no difference."""

    control: float
    challenger: float
    difference: float
    low: float
    high: float
    p_value: float

    def as_loss(self, *, lower_is_better: bool) -> tuple[float, float]:
        """The interval of what is lost with the challenger: below 0 it is better."""
        return (self.low, self.high) if lower_is_better else (-self.high, -self.low)


class Excess(msgspec.Struct, frozen=True):
    """How much worse the challenger is, against a margin; both hypotheses are tested."""

    control: float
    challenger: float
    excess: float
    margin: float
    p_within: float
    """Small when the excess surely is smaller than the margin: it is not inferior."""
    p_beyond: float
    """Small when the excess surely is larger."""


def difference(control: Sums, challenger: Sums, alpha: float) -> Difference:
    """Compare two means without equal variances (Welch); the interval has 1 - alpha."""
    both = _compared(control, challenger)
    low, high = both.tconfint_diff(alpha=alpha, usevar="unequal")
    return Difference(
        control.mean,
        challenger.mean,
        challenger.mean - control.mean,
        float(low),
        float(high),
        float(both.ttest_ind(usevar="unequal")[1]),
    )


def excess_of_means(control: Sums, challenger: Sums, margin: float) -> Excess:
    """Whether a mean of which less is better has become larger by the margin."""
    both = _compared(control, challenger)

    def p_value(alternative: str) -> float:
        return float(both.ttest_ind(alternative, usevar="unequal", value=margin)[1])

    return Excess(
        control.mean,
        challenger.mean,
        challenger.mean - control.mean,
        margin,
        p_within=p_value("smaller"),
        p_beyond=p_value("larger"),
    )


def excess_of_shares(control: Sums, challenger: Sums, margin: float) -> Excess:
    """The same for the share of requests that something happens to, which may be rare.

    Where it hardly came the variance that was seen says nothing. So to be within the margin is
    judged by the variance that it has at the margin (as in Farrington and Manning, 1990), where a
    unit meets it at all of its requests or at none.
    """
    tested = excess_of_means(_padded(control), _padded(challenger), margin)
    arms = (control, challenger)
    excess = challenger.mean - control.mean
    units = np.array([len(arm.counts) for arm in arms])
    pooled = float(np.average([arm.mean for arm in arms], weights=units))
    least = np.clip(pooled - margin * units[1] / units.sum(), 0, 1 - margin)
    at_margin = (least, least + margin)
    variance = sum(
        max(
            arm.of_units.var() / len(arm.counts),
            share * (1 - share) * np.square(arm.counts).sum() / arm.counts.sum() ** 2,
        )
        for arm, share in zip(arms, at_margin, strict=True)
    )
    return msgspec.structs.replace(
        tested,
        control=control.mean,
        challenger=challenger.mean,
        excess=excess,
        p_within=float(norm.cdf((excess - margin) / np.sqrt(variance))),
    )


def alike(control: Sums, challenger: Sums) -> float:
    """The p-value of two shares being the same."""
    return difference(_padded(control), _padded(challenger), alpha=0.05).p_value


def _padded(sums: Sums) -> Sums:
    """With a unit more to which it always happens, and one to which it never does.

    So the test holds where it happened to none or to all, which leaves a mean no variance: Agresti
    and Caffo (2000), here for units.
    """
    typical = sums.counts.mean()
    return Sums(np.append(sums.values, [typical, 0]), np.append(sums.counts, [typical, typical]))


def sample_ratio(units: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The p-value of the planned shares, given how many units each arm has (chi-square)."""
    counts = np.array([units[arm] for arm in ARMS])
    expected = counts.sum() * np.array([shares[arm] for arm in ARMS])
    return float(chisquare(counts, expected).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, corrected for being several: the least of them is not least by chance."""
    return [float(value) for value in multipletests(p_values, method="holm")[1]]


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    low, high = proportion_confint(count, of, method="wilson")
    return float(low), float(high)


def _compared(control: Sums, challenger: Sums) -> CompareMeans:
    return CompareMeans(DescrStatsW(challenger.of_units), DescrStatsW(control.of_units))
