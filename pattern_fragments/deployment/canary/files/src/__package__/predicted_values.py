"""Which values were predicted how often: the distribution by which two versions are compared."""

from collections.abc import Iterator

import numpy as np
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from .observer import Refused, Scored

BOUNDS = np.arange(1, 20, dtype=np.float64) / 20
"""The upper bounds of the buckets but the last: twentieths, for a probability.

They are the same in every version, or two versions could not be compared. A model with another
output needs others, where its values lie: for a rare event close to 0.
"""


class PredictedValues:
    """Counts one prediction of each call by its value.

    The rows of one call are often alike: a single call of a thousand would count as a thousand
    callers, and decide a comparison alone.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(BOUNDS) + 1, np.int64)
        self._sum = 0.0

    def scored(self, scored: Scored) -> None:
        """Count the first row."""
        for value in scored.predictions[:1].tolist():
            self._counts[np.searchsorted(BOUNDS, value, side="left")] += 1
            self._sum += value

    def refused(self, refused: Refused) -> None:
        """Nothing was predicted."""

    def close(self) -> None:
        """Nothing is held."""

    def collect(self) -> Iterator[Metric]:
        """The histogram as it is now."""
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        cumulative = np.cumsum(self._counts).tolist()
        yield HistogramMetricFamily(
            "predicted_value",
            "Calls by the value predicted for their first row.",
            buckets=list(zip(bounds, cumulative, strict=True)),
            sum_value=self._sum,
        )
