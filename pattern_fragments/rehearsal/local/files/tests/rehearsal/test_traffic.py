"""Real rows to ask about."""

from datetime import UTC, datetime

import numpy as np
import pytest

from __package__.columns import Encoder
from __package__.model_folder import ModelFolder
from __package__.rehearsal.models import Models, end_of_test
from __package__.rehearsal.traffic import Traffic

pytestmark = pytest.mark.slow


def test_rows_are_what_a_caller_sends(traffic: Traffic, models: Models) -> None:
    signature = ModelFolder(models.candidate).read_signature()
    encoded = Encoder(signature.inputs).rows(traffic.rows)
    assert {len(column) for column in encoded.values()} == {len(traffic)}


def test_traffic_after_a_test_is_new_to_the_model(traffic: Traffic, models: Models) -> None:
    departures = traffic.frame["scheduled_departure"].to_list()
    assert min(departures) >= end_of_test(models.candidate)


def test_outcomes_are_known_after_the_question(traffic: Traffic) -> None:
    assert (np.diff(traffic.asked_at) >= 0).all()
    assert (traffic.labelled_at > traffic.asked_at).all()
    assert set(traffic.labels.tolist()) == {0.0, 1.0}


def test_days_without_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="choose days that the data has"):
        Traffic.between(datetime(1990, 1, 1, tzinfo=UTC), datetime(1990, 1, 2, tzinfo=UTC))
