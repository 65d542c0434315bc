"""How far two distributions lie apart: sizes of an effect, which do not grow with the rows.

A test of significance would: with many rows it calls a difference significant that nobody feels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.0001
"""A bin counts as holding at least this share, so that an empty one gives a number. The rules in
deploy/monitoring/alerts.yaml do the same."""

LEVELS = (np.arange(100) + 0.5) / 100
"""The shares at which quantiles stand for a distribution."""


def psi(
    counts: NDArray[Any], expected: NDArray[Any], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The population stability index of m groups of bins, float64[..., m].

    `counts` and `expected` hold the bins of all groups side by side, in their last dimension;
    group i begins at starts[i]. With the shares a of `counts` and e of `expected` in each group it
    is the sum of (a - e) ln(a / e): Kullback and Leibler's symmetric divergence (1951), used as an
    index by Siddiqi, Credit Risk Scorecards (2006). Without rows it is NaN.
    """
    now, then = (shares(values, starts) for values in (counts, expected))
    return np.asarray(np.add.reduceat((now - then) * np.log(now / then), starts, axis=-1))


def shares(counts: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each bin in its group, at least LEAST_SHARE; NaN where a group has no rows."""
    totals = np.add.reduceat(counts, starts, axis=-1).astype(float)
    sizes = np.diff(starts, append=counts.shape[-1])
    with np.errstate(invalid="ignore"):
        of_group = counts / np.repeat(totals, sizes, axis=-1)
    return np.asarray(np.maximum(of_group, LEAST_SHARE))


def quantiles(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values at LEVELS, float64[100]; NaN do not count, and without any other all are NaN."""
    present = np.sort(values[~np.isnan(values)])
    if not len(present):
        return np.full(len(LEVELS), np.nan)
    return np.asarray(present[(LEVELS * len(present)).astype(np.int64)], np.float64)


def wasserstein(values: NDArray[Any], expected: NDArray[np.float64], spread: float) -> float:
    """The Wasserstein distance of `values` to a distribution with the quantiles `expected`.

    In one dimension it is the mean distance of quantiles at the same level (Vallender 1974);
    divided by `spread`, the standard deviation of the reference, it has no unit.
    """
    return float(np.abs(quantiles(values) - expected).mean() / (spread or 1.0))
