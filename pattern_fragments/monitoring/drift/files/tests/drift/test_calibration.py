"""Limits come from what the training period itself did."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.drift.bins import PREDICTION, Bins
from __package__.drift.calibration import limits_of
from __package__.drift.limits import (
    FILE_NAME,
    LEAST_PSI,
    LEAST_WASSERSTEIN,
    MARGIN,
    DriftLimits,
    Watched,
)
from __package__.model_folder import ModelFolder
from __package__.training.reference import Reference, profile

DAY = 86_400


def bins_of(predictions: NDArray[np.float64]) -> Bins:
    reference: Reference = profile(
        (), {}, (), np.empty((len(predictions), 0), np.float32), predictions.astype(np.float32)
    )
    return Bins(reference)


def limits(predictions: NDArray[np.float64], rows_per_day: int) -> Watched:
    """Those of predictions in order, so many a day."""
    times = np.arange(len(predictions)) * DAY // rows_per_day
    return limits_of(bins_of(predictions), {PREDICTION: predictions}, times).watched[PREDICTION]


def test_where_every_day_is_alike_the_limits_are_the_conventional_ones() -> None:
    found = limits(np.random.default_rng(0).random(240_000), rows_per_day=4000)
    assert sorted(found.windows) == [1, 7, 14, 28]
    assert {one.psi for one in found.windows.values()} == {LEAST_PSI}
    assert {one.wasserstein for one in found.windows.values()} == {LEAST_WASSERSTEIN}
    assert found.week_before == found.above_history == LEAST_PSI


def test_what_changes_by_weekday_has_a_high_limit_for_a_day_and_a_low_one_for_a_week() -> None:
    weekday = np.arange(60_000) // 1000 % 7
    found = limits(weekday + np.random.default_rng(0).random(60_000), rows_per_day=1000)
    assert (found.windows[1].psi or 0) > 2
    assert found.windows[7].psi == LEAST_PSI
    assert found.week_before == LEAST_PSI


def test_no_window_that_the_rules_look_at_was_above_a_limit_in_training() -> None:
    """They end at any half hour; here nothing is unlike the rest from midnight to midnight."""
    random, rows_per_day = np.random.default_rng(0), 960
    predictions = random.random(60 * rows_per_day)
    odd = predictions[30 * rows_per_day + 480 : 31 * rows_per_day + 480]  # from noon to noon
    odd[:] = np.where(random.random(len(odd)) < 0.7, odd / 4, odd)
    found, bins = limits(predictions, rows_per_day), bins_of(predictions)
    windows = [
        predictions[start : start + rows_per_day]
        for start in range(0, len(predictions) - rows_per_day + 1, rows_per_day // 48)
    ]
    psis = np.array([bins.psi(bins.count({PREDICTION: some}))[0] for some in windows])
    before = [
        bins.psi(bins.count({PREDICTION: some}), bins.count({PREDICTION: other}))[0]
        for some, other in zip(windows[336:], windows, strict=False)
    ]
    above = [psis[now] - psis[max(0, now - 719) : now - 47].mean() for now in range(383, len(psis))]
    # By whole days alone the limits would be lower than what a rule then sees.
    assert found.windows[1].psi == pytest.approx(MARGIN * psis.max())
    assert MARGIN * psis[::48].max() < psis.max()
    assert found.week_before == pytest.approx(MARGIN * max(before))
    assert found.above_history == pytest.approx(MARGIN * max(above))


def test_without_a_week_of_history_no_day_is_unusual() -> None:
    found = limits(np.random.default_rng(0).random(7_500), rows_per_day=1000)
    assert found.above_history is None


def test_a_day_that_is_as_narrow_as_a_stuck_value_has_no_limit_and_a_week_has_one() -> None:
    # Like the weather: each day has a value of its own, and a week most of them.
    weather = np.random.default_rng(0).permuted(np.tile(np.arange(20), (9, 1)), axis=1).ravel()
    found = limits(np.repeat(weather, 600).astype(float), rows_per_day=600)
    assert found.windows[1].psi is None
    assert found.windows[1].wasserstein is not None
    assert found.windows[7].psi is not None
    assert found.week_before is None


def test_whatever_has_a_limit_exceeds_it_when_its_value_is_stuck(
    model_folder: ModelFolder,
) -> None:
    bins = Bins.read(model_folder.reference, model_folder.read_signature())
    found = DriftLimits.read(model_folder.path / FILE_NAME)
    for name, stuck in zip(bins.names, bins.stuck(), strict=True):
        one = found.watched[name]
        psis = [one.week_before, *(window.psi for window in one.windows.values())]
        assert all(psi < stuck for psi in psis if psi is not None)


def test_a_window_of_more_than_half_the_period_has_no_limit_of_its_own() -> None:
    found = limits(np.random.default_rng(0).random(13_000), rows_per_day=1000)
    assert sorted(found.windows) == [1]
    assert found.limits(7) is found.limits(30) is found.windows[1]


def test_days_of_few_rows_teach_nothing() -> None:
    trend = np.linspace(0, 1, 9_000)
    found = limits(trend, rows_per_day=300)
    assert found.windows[1].psi == LEAST_PSI
    assert found.week_before is None
    assert (found.windows[7].psi or 0) > LEAST_PSI


def test_a_longer_stretch_takes_the_limits_of_the_longest_window_that_is_not_longer() -> None:
    found = limits(np.random.default_rng(0).random(60_000), rows_per_day=1000)
    assert found.limits(15) is found.windows[14]
    assert found.limits(0.5) is found.windows[1]


def test_training_writes_the_limits_of_everything_that_is_watched(
    model_folder: ModelFolder,
) -> None:
    found = DriftLimits.read(model_folder.path / FILE_NAME)
    signature = model_folder.read_signature()
    assert {*signature.features, PREDICTION} <= set(found.watched)


def test_a_model_without_limits_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"drift\.json is missing: train again"):
        DriftLimits.read(tmp_path / FILE_NAME)
    (tmp_path / FILE_NAME).write_text("{}")
    with pytest.raises(ValueError, match="holds no limits of drift"):
        DriftLimits.read(tmp_path / FILE_NAME)
