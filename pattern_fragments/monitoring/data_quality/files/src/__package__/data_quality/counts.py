"""Measures what is asked: a sample of rows against the schema, and every row's gaps."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ..columns import Encoder
from ..deferred import Batch
from ..gauges import Gauge, Labels
from ..model_folder import ModelFolder
from ..settings import Settings
from ..signature import Signature
from .gaps import missing, unknown
from .reference import FILE_NAME, Quality
from .rows import rows_of
from .validation import CHECKS, validate

CALLERS_FAULTS = ("invalid_input", "malformed")
"""The reasons of refusal that an alert counts: shown from the start, since Prometheus sees a rise
only of what it has seen before."""


class QualityCounts:
    """Counters of rows by check, by missing feature and by unknown category, and of refusals."""

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        self._signature = signature
        self._most_rows = settings.quality_max_rows
        self._random = np.random.default_rng()
        self._rows = self._checked = 0
        self._failed: Counter[Labels] = Counter(dict.fromkeys(CHECKS, 0))
        quality = Quality.read(folder.path / FILE_NAME)
        self._missing: Counter[Labels] = Counter({(name,): 0 for name in quality.missing})
        self._unknown: Counter[Labels] = Counter({(name,): 0 for name in quality.unknown})
        self._refused: Counter[Labels] = Counter({(reason,): 0 for reason in CALLERS_FAULTS})
        gauges += [*self._counters(), *_references(quality)]
        self._try_schema()

    def observe(self, batch: Batch) -> None:
        """Count the refusals and the gaps of a batch, and check a sample of its rows."""
        for reason, count in batch.refused.items():
            self._refused[reason,] += count
        if not len(batch):
            return
        self._rows += len(batch)
        for name, count in missing(self._signature, batch.features).items():
            self._missing[name,] += count
        for name, count in unknown(self._signature, batch.columns).items():
            self._unknown[name,] += count
        self._check(batch)

    def close(self) -> None:
        """Nothing is held."""

    def _try_schema(self) -> None:
        """Check one row: a schema that does not fit the rows, or pandera's slow first use, shows at
        the start and not when rows wait. Raises ValueError."""
        columns = Encoder(self._signature.inputs).rows([self._signature.example])
        features = np.zeros((1, len(self._signature.features)), np.float32)
        validate(rows_of(self._signature, columns, features, np.zeros(1)))

    def _check(self, batch: Batch) -> None:
        some = np.arange(len(batch))
        if len(batch) > self._most_rows:
            some = self._random.choice(len(batch), self._most_rows, replace=False)
        found = validate(
            rows_of(
                self._signature,
                {name: column[some] for name, column in batch.columns.items()},
                batch.features[some],
                batch.times[some],
            )
        )
        self._checked += found.rows
        self._failed.update(found.failed)

    def _counters(self) -> list[Gauge]:
        return [
            Gauge(
                "quality_rows_total",
                "Rows whose gaps were counted",
                lambda: self._rows,
                total=True,
            ),
            Gauge(
                "quality_rows_checked_total",
                "Rows checked against the schema",
                lambda: self._checked,
                total=True,
            ),
            Gauge(
                "quality_rows_failed_total",
                "Checked rows that fail the check",
                lambda: dict(self._failed),
                total=True,
                labels=("dimension", "check"),
            ),
            Gauge(
                "quality_missing_rows_total",
                "Rows that lack the feature",
                lambda: dict(self._missing),
                total=True,
                labels=("feature",),
            ),
            Gauge(
                "quality_unknown_rows_total",
                "Rows whose category training did not know",
                lambda: dict(self._unknown),
                total=True,
                labels=("input",),
            ),
            Gauge(
                "quality_refused_total",
                "Requests that got no prediction",
                lambda: dict(self._refused),
                total=True,
                labels=("reason",),
            ),
        ]


def _references(quality: Quality) -> list[Gauge]:
    """The same shares of the training rows."""
    failed: Mapping[Labels, float] = {
        (dimension, name): share
        for dimension, checks in quality.failed.items()
        for name, share in checks.items()
    }
    missing_shares: Mapping[Labels, float] = {
        (name,): share for name, share in quality.missing.items()
    }
    unknown_shares: Mapping[Labels, float] = {
        (name,): share for name, share in quality.unknown.items()
    }
    return [
        Gauge(
            "quality_reference_failed_share",
            "Share of the training rows that fail the check",
            lambda: failed,
            labels=("dimension", "check"),
        ),
        Gauge(
            "quality_reference_missing_share",
            "Share of the training rows that lack the feature",
            lambda: missing_shares,
            labels=("feature",),
        ),
        Gauge(
            "quality_reference_unknown_share",
            "Share of the training rows whose category is unknown",
            lambda: unknown_shares,
            labels=("input",),
        ),
    ]
