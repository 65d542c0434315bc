"""Counts what is asked and answered in the bins of the reference, for Prometheus to compare."""

from collections.abc import Mapping

import numpy as np

from ..deferred import Batch
from ..gauges import Gauge, Labels
from ..model_folder import ModelFolder
from ..signature import Signature
from .bins import Bins, watched
from .limits import FILE_NAME, DriftLimits

WINDOWS = {"1d": 1, "7d": 7}
"""The windows that the rules in deploy/monitoring/alerts.yaml compare with the reference."""


class DriftCounts:
    """One counter for each bin of everything watched; their number is fixed by the model."""

    def __init__(self, signature: Signature, folder: ModelFolder, gauges: list[Gauge]) -> None:
        self._signature = signature
        self._bins = Bins.read(folder.reference, signature)
        limits = DriftLimits.read(folder.path / FILE_NAME)
        self._counts = np.zeros(len(self._bins.labels), np.int64)
        keys: list[Labels] = [(signature.version, *labels) for labels in self._bins.labels]
        expected = dict(zip(keys, self._bins.expected_shares().tolist(), strict=True))
        most = {(signature.version, *labels): value for labels, value in _limits(limits).items()}
        bins = ("model_version", "feature", "bin")
        gauges += [
            Gauge(
                "drift_rows_total",
                "Rows whose value fell into the bin",
                lambda: dict(zip(keys, self._counts.tolist(), strict=True)),
                total=True,
                labels=bins,
            ),
            Gauge(
                "drift_reference_share",
                "Share of the training rows whose value falls into the bin",
                lambda: expected,
                labels=bins,
            ),
            Gauge(
                "drift_psi_limit",
                "The most that is no drift, by the training period's own windows",
                lambda: most,
                labels=("model_version", "feature", "window", "against"),
            ),
        ]

    def observe(self, batch: Batch) -> None:
        """Count the rows of a batch that the model of the reference predicted."""
        own = batch.of(self._signature.version)
        if len(own):
            values = watched(self._signature, own.columns, own.features, own.predictions)
            # A new array: whoever reads meanwhile sees all of a batch or nothing of it.
            self._counts = self._counts + self._bins.count(values)

    def close(self) -> None:
        """Nothing is held."""


def _limits(limits: DriftLimits) -> Mapping[Labels, float]:
    """The limits of the PSI by feature, window, and what it is compared with.

    Without a limit there is no series, and so no alert on it.
    """
    against_reference: dict[Labels, float] = {
        (name, window, "reference"): limit
        for name, watched in limits.watched.items()
        for window, days in WINDOWS.items()
        if (limit := watched.limits(days).psi) is not None
    }
    of_a_day: dict[Labels, float] = {
        (name, "1d", against): limit
        for name, watched in limits.watched.items()
        for against, limit in (
            ("week_before", watched.week_before),
            ("history", watched.above_history),
        )
        if limit is not None
    }
    return {**against_reference, **of_a_day}
