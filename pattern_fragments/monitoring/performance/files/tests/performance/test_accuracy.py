"""Figures of quality against values computed by hand and by scikit-learn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from __package__.performance.accuracy import (
    DAY,
    ENOUGH_DAYS,
    ENOUGH_OUTCOMES,
    Measured,
    accuracy,
    mean_by_day,
)
from __package__.terms import Decision, costs
from __package__.training.evaluate import CALIBRATION_BINS, evaluate

DECISION = Decision(
    threshold=0.5,
    unit="EUR",
    true_positive=3.0,
    false_positive=2.0,
    true_negative=0.5,
    false_negative=9.0,
)


def made(
    rows: int, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]:
    """Calibrated predictions spread over days."""
    random = np.random.default_rng(3)
    predictions = random.uniform(0, 1, rows).astype(np.float32)
    labels = (random.uniform(0, 1, rows) < predictions).astype(np.float64)
    return labels, predictions, np.arange(rows) % days * DAY


def test_ranking_and_calibration_are_those_of_scikit_learn() -> None:
    labels, predictions, times = made(3_000, 14)
    figures = accuracy(labels, predictions, times, DECISION)
    assert figures["roc_auc"].value == pytest.approx(roc_auc_score(labels, predictions))
    assert figures["brier"].value == pytest.approx(brier_score_loss(labels, predictions))
    observed, predicted = calibration_curve(
        labels, predictions, n_bins=CALIBRATION_BINS, strategy="quantile"
    )
    expected = np.abs(observed - predicted).mean()  # bins of 200 rows each
    assert figures["calibration_error"].value == pytest.approx(expected, abs=1e-3)
    for name in ("roc_auc", "brier", "calibration_bias", "saving"):
        value, low, high = figures[name]
        assert low is not None
        assert high is not None
        assert low < value < high


def test_costs_are_those_of_the_four_outcomes() -> None:
    came, acted = np.array([1.0, 0.0, 0.0, 1.0]), np.array([True, True, False, False])
    assert costs(came, acted, DECISION).tolist() == [3.0, 2.0, 0.5, 9.0]


def test_the_model_is_compared_with_the_better_of_acting_always_and_never() -> None:
    labels, predictions, times = made(1_000, 10)
    figures = {n: m.value for n, m in accuracy(labels, predictions, times, DECISION).items()}
    rate = labels.mean()
    assert figures["cost_never"] == pytest.approx(rate * 9 + (1 - rate) * 0.5)
    assert figures["cost_always"] == pytest.approx(rate * 3 + (1 - rate) * 2)
    assert figures["saving"] == pytest.approx(figures["cost_always"] - figures["cost"])


def test_acting_pays_from_the_break_even_point_on() -> None:
    probability = DECISION.break_even
    acting = probability * DECISION.true_positive + (1 - probability) * DECISION.false_positive
    waiting = probability * DECISION.false_negative + (1 - probability) * DECISION.true_negative
    assert acting == pytest.approx(waiting)


def test_the_interval_of_a_mean_takes_days_as_drawn() -> None:
    # Eight days with means 0 and 1: sums 0 and 4, counts 4, mean 0.5.
    # Variance 8 / 7 * 8 * 2^2 / 32^2 = 1 / 28; 2.3646 is Student's quantile for 7 degrees.
    measured = mean_by_day(np.repeat([0.0, 1.0] * 4, 4), np.repeat(np.arange(8), 4))
    error = 2.3646 / np.sqrt(28)
    assert measured == pytest.approx(Measured(0.5, 0.5 - error, 0.5 + error), abs=1e-3)


@pytest.mark.parametrize("number", [ENOUGH_DAYS, 28])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(number: int) -> None:
    random, trials = np.random.default_rng(5), 1_000
    days = np.repeat(np.arange(number), 50)
    covered = 0
    for _ in range(trials):
        values = np.repeat(random.normal(0, 1, number), 50) + random.normal(0, 1, len(days))
        _, low, high = mean_by_day(values, days)
        assert low is not None
        assert high is not None
        covered += low < 0 < high
    assert 0.93 < covered / trials < 0.97


def test_of_few_days_the_interval_of_the_ranking_is_wider_than_what_resampling_gives() -> None:
    few, many = (made(2_000, days) for days in (ENOUGH_DAYS, 1_000))
    for rows, days, factor in ((few, ENOUGH_DAYS, 1.348), (many, 1_000, 1.0)):
        resampled = evaluate(*rows, seed=0).roc_auc
        value, low, high = accuracy(*rows, DECISION)["roc_auc"]
        assert low is not None
        assert high is not None
        assert len(np.unique(rows[2])) == days
        wide = (high - value) / (resampled.high - resampled.value)
        assert wide == pytest.approx((value - low) / (resampled.value - resampled.low))
        assert wide == pytest.approx(factor, abs=2e-3)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_nothing_is_said_of_too_few_outcomes_of_either_kind(label: float) -> None:
    labels = np.full(1_000, label)
    labels[: ENOUGH_OUTCOMES - 1] = 1 - label
    few = np.linspace(0, 1, 1_000, dtype=np.float32)
    assert accuracy(labels, few, np.zeros(1_000, np.int64), DECISION) == {}


def test_a_few_days_have_no_interval() -> None:
    figures = accuracy(*made(1_000, ENOUGH_DAYS - 1), DECISION)
    assert all(measured.low is None for measured in figures.values())
