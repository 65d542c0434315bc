"""Metrics of what the service predicts, and of the process it runs in."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics_core import Metric

from .observer import Refused, Scored
from .signature import Signature

SERVICE_FAULTS = ("internal_error", "overloaded")
"""The reasons of refusal that spend the error budget: faults of the service, not of its callers."""

SHOWN_FROM_THE_START = (*SERVICE_FAULTS, "invalid_input")

# A series of its own for the time each counter was made doubles the counters, and no rule reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]

DURATION_BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class SystemMetrics:
    """Counts and times what it observes."""

    def __init__(self, signature: Signature) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        Info("model", "The model that answers.", registry=self._registry).info(
            {"name": signature.name, "version": signature.version}
        )
        self._predictions = Counter(
            "predictions",
            "Rows predicted.",
            ["model_version"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "prediction_duration_seconds",
            "Seconds from the arrival of the rows to their predictions.",
            ["model_version"],
            buckets=DURATION_BUCKETS_S,
            registry=self._registry,
        )
        self._refusals = Counter(
            "requests_refused",
            "Requests that got no prediction.",
            ["model_version", "reason"],
            registry=self._registry,
        )
        # Finding a labelled series costs more than counting, so each is looked up once. What is
        # compared starts at 0: a series that first appears at 1 shows no increase, fires no alert.
        self._by_version = {signature.version: self._series_of(signature.version)}
        # What is refused has met no model: it counts for the one that this process serves.
        self._version = signature.version
        self._by_reason = {reason: self._refusals_of(reason) for reason in SHOWN_FROM_THE_START}

    def scored(self, scored: Scored) -> None:
        """Count the rows and time the call."""
        series = self._by_version.get(scored.version)
        if series is None:
            series = self._by_version[scored.version] = self._series_of(scored.version)
        predictions, durations = series
        predictions.inc(len(scored.predictions))
        durations.observe(scored.duration_s)

    def refused(self, refused: Refused) -> None:
        """Count the refusal."""
        refusals = self._by_reason.get(refused.reason)
        if refusals is None:
            refusals = self._by_reason[refused.reason] = self._refusals_of(refused.reason)
        refusals.inc()

    def close(self) -> None:
        """Nothing is held."""

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        return self._registry.collect()

    def _refusals_of(self, reason: str) -> Counter:
        return self._refusals.labels(self._version, reason)

    def _series_of(self, version: str) -> tuple[Counter, Histogram]:
        return self._predictions.labels(version), self._durations.labels(version)
