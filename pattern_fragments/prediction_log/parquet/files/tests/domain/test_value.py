"""What predictions are worth agrees with the inputs, and the threshold with the costs."""

import pytest

from __package__.domain.features import INPUTS
from __package__.domain.value import DECISION, SEGMENTS


def test_who_acts_from_the_threshold_on_acts_when_it_pays() -> None:
    assert DECISION.threshold == pytest.approx(DECISION.break_even, abs=0.05)


def test_segments_are_categories_that_the_log_holds() -> None:
    columns = {column.name: column for column in INPUTS}
    for segment in SEGMENTS:
        assert columns[segment.name].type == "category"
        assert not columns[segment.name].personal
