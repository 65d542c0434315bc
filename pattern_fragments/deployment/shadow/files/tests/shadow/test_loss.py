"""Champion beside candidate, by outcomes."""

import numpy as np
import pytest

from __package__.shadow.loss import LEAST_DAYS, outcomes, paired
from __package__.terms import Decision

DECISION = Decision(
    threshold=0.5,
    unit="EUR",
    true_positive=1.0,
    false_positive=1.0,
    true_negative=0.0,
    false_negative=10.0,
)


def test_the_loss_is_the_squared_error_and_the_cost_that_of_acting() -> None:
    labels = np.tile([1.0, 0.0], 50)
    champion, candidate = np.full(100, 0.5), np.tile([0.9, 0.1], 50)
    found = outcomes(labels, champion, candidate, np.repeat(range(10), 10), DECISION)
    assert (found.rows, found.days) == (100, 10)
    assert found.squared_error.champion == pytest.approx(0.25)
    assert found.squared_error.candidate == pytest.approx(0.01)
    assert found.squared_error.difference == pytest.approx(-0.24)
    assert found.cost.champion == 1
    assert found.cost.candidate == 0.5


def share_that_hold_the_truth(
    random: np.random.Generator, days: int, begins_at: int, hours: int
) -> float:
    """Of many intervals of so many days; what rows share lasts `hours`, from that hour on."""
    inside = 0
    rows = np.arange(days * 24)
    for _ in range(1500):
        weather = random.normal(0.1, 1, days * 24 // hours + 2)
        difference = weather[(rows + begins_at) // hours] + random.normal(0, 1, len(rows))
        found = paired(np.zeros(len(rows)), difference, rows // 24)
        inside += found.low <= 0.1 <= found.high
    return inside / 1500


@pytest.mark.parametrize("begins_at", [0, 6, 12, 18])
@pytest.mark.parametrize("days", [LEAST_DAYS, 14])
def test_the_interval_holds_the_truth_wherever_the_weather_of_a_day_begins(
    random: np.random.Generator, days: int, begins_at: int
) -> None:
    assert share_that_hold_the_truth(random, days, begins_at, hours=24) > 0.92


def test_weather_that_changes_within_the_day_makes_it_no_narrower(
    random: np.random.Generator,
) -> None:
    assert share_that_hold_the_truth(random, 14, 3, hours=5) > 0.95


def test_few_days_make_it_wide_however_many_rows_they_have(random: np.random.Generator) -> None:
    difference, nothing = random.normal(0, 1, 7000), np.zeros(7000)
    few, many = (paired(nothing, difference, np.arange(7000) % days) for days in (7, 70))
    assert few.high - few.low > 1.1 * (many.high - many.low)


def test_days_count_by_their_rows() -> None:
    days = np.repeat(np.arange(8), [1000, 1, 1, 1, 1, 1, 1, 1])
    difference = np.where(days == 0, 0.0, 1.0)
    found = paired(np.zeros(len(days)), difference, days)
    assert found.difference == pytest.approx(7 / 1007)
    assert found.high < 0.1


def test_what_is_hard_for_both_makes_no_interval_wider(random: np.random.Generator) -> None:
    hard = random.exponential(10, 1000)
    found = paired(hard, hard + 0.01, np.arange(len(hard)) % 14)
    assert found.high - found.low < 1e-6
    assert found.difference == pytest.approx(0.01)
