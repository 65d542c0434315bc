"""The histogram by which two versions are compared."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from __package__.observer import Refused, Scored
from __package__.predicted_values import BOUNDS, PredictedValues


def scored(*predictions: float) -> Scored:
    return Scored(
        id="id",
        request_id="request",
        time=0.0,
        columns={},
        features=np.zeros((len(predictions), 1), np.float32),
        predictions=np.array(predictions, np.float32),
        version="v1",
        duration_s=0.001,
    )


@pytest.fixture
def values() -> PredictedValues:
    return PredictedValues()


def shown(values: PredictedValues, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(values)
    return registry.get_sample_value(f"predicted_value_{name}", labels)


def test_predictions_are_counted_up_to_each_bound(values: PredictedValues) -> None:
    for prediction in (0.04, 0.12, 0.13, 0.99):
        values.scored(scored(prediction))
    counts = {le: shown(values, "bucket", le=le) for le in ("0.05", "0.1", "0.15", "0.95", "+Inf")}
    assert counts == {"0.05": 1, "0.1": 1, "0.15": 3, "0.95": 3, "+Inf": 4}
    assert shown(values, "count") == 4
    assert shown(values, "sum") == pytest.approx(1.28)


def test_a_call_of_many_rows_counts_as_one(values: PredictedValues) -> None:
    values.scored(scored(*[0.5] * 1000))
    assert shown(values, "count") == 1


def test_every_bucket_is_there_before_the_first_prediction(values: PredictedValues) -> None:
    assert {shown(values, "bucket", le=f"{bound:g}") for bound in BOUNDS} == {0.0}


def test_what_was_refused_is_no_prediction(values: PredictedValues) -> None:
    values.refused(Refused(reason="overloaded", duration_s=0.0))
    assert shown(values, "count") == 0


def test_a_value_that_is_none_is_counted_beyond_all_bounds(values: PredictedValues) -> None:
    values.scored(scored(float("nan")))
    values.scored(scored(7.0))
    assert (shown(values, "bucket", le="0.95"), shown(values, "count")) == (0, 2)
