"""What an experiment is judged by agrees with what predictions are worth."""

from datetime import UTC, datetime

import numpy as np

from __package__.domain import data
from __package__.domain.experiment import METRIC, unit_of, value
from __package__.domain.value import DECISION


def test_the_metric_is_what_acting_costs() -> None:
    predictions = np.array([0.0, 1.0, 0.0, 1.0], np.float32)
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    assert value(predictions, labels).tolist() == [
        DECISION.true_negative,
        DECISION.false_positive,
        DECISION.false_negative,
        DECISION.true_positive,
    ]
    assert METRIC.lower_is_better
    assert DECISION.unit in METRIC.unit


def test_the_same_flight_of_another_day_is_the_same_unit() -> None:
    rows = data.examples(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 8, tzinfo=UTC))
    units = unit_of(rows)
    assert len(units) == len(rows)
    assert units.null_count() == 0
    assert 0.1 < units.n_unique() / len(rows) < 0.4
