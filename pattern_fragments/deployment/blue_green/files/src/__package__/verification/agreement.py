"""How much the predictions of two models agree over the same rows."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distance(one: Floats, other: Floats) -> float:
    """How far two samples lie apart: the two-sample Kolmogorov-Smirnov statistic.

    It is the largest difference of their cumulative distributions, 0 to 1.
    """
    one, other = np.sort(one), np.sort(other)
    values = np.concatenate([one, other])
    below = [np.searchsorted(sample, values, "right") / len(sample) for sample in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def rank_correlation(one: Floats, other: Floats) -> float:
    """Whether two models put n rows into the same order: Spearman's coefficient, -1 to 1.

    0 when one of them says the same of every row.
    """
    ranks = [_ranks(values) for values in (one, other)]
    spreads = [float(values.std()) for values in ranks]
    if min(spreads) == 0:
        return 0.0
    together = np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean()))
    return float(together / (spreads[0] * spreads[1]))


def _ranks(values: Floats) -> Floats:
    """Equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2
    return means[place]
