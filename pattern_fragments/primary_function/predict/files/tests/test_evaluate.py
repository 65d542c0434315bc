"""The figures agree with scikit-learn's, and their intervals with what they promise."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from __package__.training.evaluate import DAY, Ranking, evaluate
from __package__.training.export import ExportDiffers, agreement
from __package__.training.importance import permutation_importance
from __package__.training.reference import profile

random = np.random.default_rng(1)
PREDICTIONS = random.random(4_000).round(2).astype(np.float32)
LABELS = (random.random(4_000) < PREDICTIONS).astype(np.float64)
CUTS = np.sort(random.integers(0, 60 * DAY, 4_000))
WEIGHTS = random.integers(0, 4, 4_000).astype(np.float64)


@pytest.mark.parametrize("weights", [np.ones(4_000), WEIGHTS], ids=["equal", "resampled"])
def test_rank_metrics_equal_those_of_scikit_learn(weights: np.ndarray) -> None:
    ranking = Ranking(LABELS, PREDICTIONS)
    expected = roc_auc_score(LABELS, PREDICTIONS, sample_weight=weights)
    assert ranking.roc_auc(weights) == pytest.approx(expected)
    expected = average_precision_score(LABELS, PREDICTIONS, sample_weight=weights)
    assert ranking.average_precision(weights) == pytest.approx(expected)


def test_calibrated_predictions_have_a_small_calibration_error() -> None:
    metrics = evaluate(LABELS, PREDICTIONS, CUTS, seed=0)
    assert metrics.brier.value == pytest.approx(brier_score_loss(LABELS, PREDICTIONS))
    assert metrics.calibration_error < 0.03
    assert evaluate(LABELS, 1 - PREDICTIONS, CUTS, seed=0).calibration_error > 0.4


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    metrics = evaluate(LABELS, PREDICTIONS, CUTS, seed=0)
    for figure in (metrics.roc_auc, metrics.average_precision, metrics.brier):
        assert figure.low < figure.value < figure.high
    assert evaluate(LABELS, PREDICTIONS, CUTS, seed=0) == metrics
    assert evaluate(LABELS, PREDICTIONS, CUTS, seed=1) != metrics


def test_months_are_told_apart() -> None:
    months = evaluate(LABELS, PREDICTIONS, CUTS, seed=0).months
    assert [month.month for month in months] == ["1970-01", "1970-02", "1970-03"]
    assert sum(month.rows for month in months) == 4_000


def test_the_gate_lets_an_exact_export_pass() -> None:
    found = agreement(LABELS, PREDICTIONS.astype(np.float64), PREDICTIONS)
    assert found.largest_difference == 0
    assert found.roc_auc_difference == 0


def test_the_gate_stops_an_export_that_differs() -> None:
    with pytest.raises(ExportDiffers, match="differs from the trained model"):
        agreement(LABELS, PREDICTIONS.astype(np.float64), PREDICTIONS + np.float32(1e-3))


def test_the_gate_stops_an_export_without_answers() -> None:
    nothing = np.full(4_000, np.nan, np.float32)
    with pytest.raises(ExportDiffers):
        agreement(LABELS, PREDICTIONS.astype(np.float64), nothing)


def test_a_useless_feature_has_no_importance() -> None:
    features = np.column_stack([PREDICTIONS, PREDICTIONS[::-1]])
    lost = permutation_importance(lambda rows: rows[:, 0], ("used", "idle"), features, LABELS, 0)
    assert lost["used"] > 0.2
    assert lost["idle"] == 0


def test_a_profile_counts_every_row_once() -> None:
    features = np.array([[0.0], [0.0], [1.0], [np.nan]], np.float32)
    reference = profile((), {}, ("f",), features, PREDICTIONS)
    found = reference.features["f"]
    assert found.missing == 1
    assert sum(found.counts) == 3
    assert sum(reference.predictions.counts) == reference.rows == 4_000
    assert max(reference.predictions.counts) < 2 * min(reference.predictions.counts[1:-1])


def test_a_feature_that_is_always_missing_has_a_profile() -> None:
    features = np.full((3, 1), np.nan, np.float32)
    found = profile((), {}, ("f",), features, PREDICTIONS).features["f"]
    assert (found.missing, found.edges, found.counts) == (3, [], [0])
