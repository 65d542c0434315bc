"""What a scrape shows after predictions and refusals."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from __package__.metrics import SystemMetrics
from __package__.observer import Refused, Scored
from __package__.signature import Output, Signature

SIGNATURE = Signature(
    name="model",
    version="v1",
    inputs=(),
    features=("x",),
    output=Output("probability", "The probability."),
)


def scored(rows: int = 1, duration_s: float = 0.001, version: str = "v1") -> Scored:
    return Scored(
        id="id",
        request_id="request",
        time=0.0,
        columns={},
        features=np.zeros((rows, 1), np.float32),
        predictions=np.zeros(rows, np.float32),
        version=version,
        duration_s=duration_s,
    )


@pytest.fixture
def metrics() -> SystemMetrics:
    return SystemMetrics(SIGNATURE)


def value(metrics: SystemMetrics, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry.get_sample_value(name, labels)


def test_rows_are_counted_by_model_version(metrics: SystemMetrics) -> None:
    metrics.scored(scored(rows=3))
    metrics.scored(scored(rows=2))
    metrics.scored(scored(rows=7, version="v2"))
    assert value(metrics, "predictions_total", model_version="v1") == 5
    assert value(metrics, "predictions_total", model_version="v2") == 7


def test_a_call_is_timed_once_however_many_rows_it_has(metrics: SystemMetrics) -> None:
    metrics.scored(scored(rows=100, duration_s=0.02))
    name = "prediction_duration_seconds"
    assert value(metrics, f"{name}_count", model_version="v1") == 1
    assert value(metrics, f"{name}_sum", model_version="v1") == 0.02
    assert value(metrics, f"{name}_bucket", model_version="v1", le="0.01") == 0
    assert value(metrics, f"{name}_bucket", model_version="v1", le="0.025") == 1


def refusals(metrics: SystemMetrics, reason: str) -> float | None:
    return value(metrics, "requests_refused_total", model_version="v1", reason=reason)


def test_refusals_are_counted_by_the_version_that_refused_and_by_reason(
    metrics: SystemMetrics,
) -> None:
    metrics.refused(Refused(reason="invalid_input", duration_s=0.0))
    metrics.refused(Refused(reason="invalid_input", duration_s=0.0))
    metrics.refused(Refused(reason="not_found", duration_s=0.0))
    assert (refusals(metrics, "invalid_input"), refusals(metrics, "not_found")) == (2, 1)
    assert value(metrics, "predictions_total", model_version="v1") == 0


@pytest.mark.parametrize("reason", ["internal_error", "overloaded", "invalid_input"])
def test_faults_and_rows_that_do_not_fit_are_shown_before_the_first_one(
    metrics: SystemMetrics, reason: str
) -> None:
    assert refusals(metrics, reason) == 0


def test_no_series_holds_the_time_a_counter_was_made(metrics: SystemMetrics) -> None:
    metrics.scored(scored())
    samples = {sample.name for family in metrics.collect() for sample in family.samples}
    assert not {name for name in samples if name.endswith("_created")}


def test_the_model_is_named(metrics: SystemMetrics) -> None:
    registry = CollectorRegistry()
    registry.register(metrics)
    assert registry.get_sample_value("model_info", {"name": "model", "version": "v1"}) == 1


def test_the_process_is_watched(metrics: SystemMetrics) -> None:
    assert value(metrics, "process_start_time_seconds")
    assert value(metrics, "python_gc_collections_total", generation="0") is not None


def test_two_services_in_one_process_count_apart(metrics: SystemMetrics) -> None:
    SystemMetrics(SIGNATURE).scored(scored())
    assert value(metrics, "predictions_total", model_version="v1") == 0
