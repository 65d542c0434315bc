"""Rates of groups against scikit-learn, gaps against values computed by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from __package__.performance.accuracy import ENOUGH_DAYS, Measured
from __package__.performance.segments import (
    ENOUGH_ROWS,
    RATES,
    Rate,
    gap,
    rates,
)

RANDOM = np.random.default_rng(2)
GROUPS = RANDOM.choice(["a", "b"], 2_000)
PREDICTIONS = RANDOM.uniform(0, 1, 2_000).astype(np.float32)
LABELS = (RANDOM.uniform(0, 1, 2_000) < PREDICTIONS).astype(np.float64)
DAYS = np.arange(2_000) % 20


def rate_of(group: str, value: float, rows: int, days: int = 28) -> Rate:
    """A rate of rows that have nothing to do with each other."""
    return Rate(group, "r", value, rows, days, np.zeros(28), value * (1 - value) / rows)


def found_in(acted: np.ndarray, groups: np.ndarray, days: np.ndarray) -> list[Rate]:
    """The true positive rates when all came, and these were acted on."""
    everywhere = np.ones(len(acted))
    found = rates(groups, everywhere, acted.astype(np.float32), days, 0.5)
    return [rate for rate in found if rate.name == "true_positive_rate"]


def test_rates_are_those_of_each_groups_confusion_matrix() -> None:
    found = {
        (rate.group, rate.name): rate for rate in rates(GROUPS, LABELS, PREDICTIONS, DAYS, 0.4)
    }
    assert set(found) == {(group, name) for group in "ab" for name in RATES}
    for group in "ab":
        some = np.equal(GROUPS, group)
        tn, fp, fn, tp = confusion_matrix(LABELS[some], PREDICTIONS[some] >= 0.4).ravel()
        expected = {
            "selection_rate": (tp + fp) / some.sum(),
            "true_positive_rate": tp / (tp + fn),
            "false_positive_rate": fp / (fp + tn),
            "calibration_bias": PREDICTIONS[some].mean() - LABELS[some].mean(),
        }
        for name, value in expected.items():
            assert found[group, name].value == pytest.approx(value, rel=1e-5)


def test_rates_of_few_rows_are_not_told() -> None:
    labels = np.r_[np.ones(ENOUGH_ROWS - 1), np.zeros(ENOUGH_ROWS)]
    groups = np.full(len(labels), "a")
    days = np.zeros(len(labels), np.int64)
    found = {rate.name for rate in rates(groups, labels, labels.astype(np.float32), days, 0.5)}
    assert found == {"selection_rate", "false_positive_rate", "calibration_bias"}


def test_a_gap_is_what_lies_between_the_lowest_and_the_highest() -> None:
    found = [rate_of("a", 0.2, 400), rate_of("b", 0.8, 400)]
    # One pair: 0.6 -+ 1.96 * sqrt(2 * 0.2 * 0.8 / 400).
    assert gap(found) == pytest.approx(Measured(0.6, 0.6 - 0.055436, 0.6 + 0.055436), abs=1e-5)


def test_among_many_groups_a_gap_must_be_larger_to_be_sure() -> None:
    two = [rate_of(str(n), n / 10, 400) for n in (2, 8)]
    many = [rate_of(str(n), n / 10, 400) for n in (2, 4, 6, 8)]
    sure, less_sure = gap(two), gap(many)
    assert sure is not None
    assert less_sure is not None
    assert sure.value == less_sure.value
    assert (sure.low or 0) > (less_sure.low or 0) > 0


def test_one_group_has_no_gap() -> None:
    assert gap([rate_of("a", 0.5, 100)]) is None


def test_a_small_group_does_not_hide_a_gap_that_is_sure() -> None:
    large = [rate_of("a", 0.30, 10_000), rate_of("b", 0.64, 10_000)]
    found = gap([*large, rate_of("c", 0.66, 100)])
    assert found is not None
    assert found.value == pytest.approx(0.36)
    # Of the two large ones, among three pairs: 0.34 - 2.394 * sqrt(0.21 / 10000 + 0.2304 / 10000).
    assert found.low == pytest.approx(0.34 - 0.015889, abs=1e-4)


def test_a_group_that_was_there_on_few_days_is_left_out() -> None:
    few = rate_of("c", 0.9, 1_000, ENOUGH_DAYS - 1)
    assert gap([rate_of("a", 0.5, 1_000), few]) is None
    found = gap([rate_of("a", 0.5, 1_000), rate_of("b", 0.6, 1_000), few])
    assert found is not None
    assert found.value == pytest.approx(0.1)


def test_a_rate_of_nothing_or_of_all_is_not_sure() -> None:
    groups, days = np.repeat(["a", "b"], 140), np.tile(np.arange(14), 20)
    found = gap(found_in(groups == "b", groups, days))
    assert found is not None
    assert found.value == 1.0
    assert 0.95 < (found.low or 0) < 0.99


def test_days_of_which_all_rows_are_alike_count_as_days() -> None:
    """Half of the days everything of one group is found, half of the days nothing."""
    days = np.repeat(np.arange(20), 200)
    groups = np.tile(["a", "b"], 2_000)
    acted = np.where(groups == "a", days % 2 == 0, days < 16)
    found = gap(found_in(acted, groups, days))
    assert found is not None
    assert found.value == pytest.approx(0.3)
    # By hand: of the 20 days 8 differ by 1, 10 by 0 and 2 by -1, less the mean of 0.3; 2.0930 is
    # Student's quantile for 19 degrees of freedom.
    error = 2.0930 * np.sqrt((8 * 0.7**2 + 10 * 0.3**2 + 2 * 1.3**2) / 20 / 19)
    assert found.high == pytest.approx(0.3 + error, abs=1e-4)


def test_what_a_day_does_to_both_groups_is_no_gap() -> None:
    days = np.repeat(np.arange(20), 200)
    groups = np.tile(["a", "a", "b", "b"], 1_000)
    acted = days % 2 == 0
    found = gap(found_in(acted, groups, days))
    assert found is not None
    assert (found.high or 1) < 0.05


def test_without_a_difference_a_gap_is_sure_in_few_of_many_trials() -> None:
    """Four groups, 28 days: on bad days each group finds less, each by a chance of its own."""
    random = np.random.default_rng(3)
    trials, wrong = 200, 0
    days = np.repeat(np.arange(28), 200)
    groups = np.tile(np.arange(4), 28 * 50)
    for _ in range(trials):
        chance = random.uniform(0.2, 0.8, (28, 4))
        acted = random.uniform(0, 1, len(days)) < chance[days, groups]
        found = gap(found_in(acted, groups.astype(np.str_), days))
        assert found is not None
        wrong += (found.low or 0) > 0
    assert 0 < wrong <= 0.08 * trials  # 0.05, and what chance adds to that
