"""The sizes of an effect are what their formulas say."""

import math

import numpy as np
import pytest

from __package__.drift.effect_size import (
    LEAST_SHARE,
    psi,
    quantiles,
    wasserstein,
)

ONE_GROUP = np.array([0])


def test_psi_is_the_sum_of_differences_times_log_ratios() -> None:
    found = psi(np.array([20, 80]), np.array([50, 50]), ONE_GROUP)
    assert found[0] == pytest.approx(-0.3 * math.log(0.4) + 0.3 * math.log(1.6))


def test_psi_of_equal_shares_is_zero_however_many_rows_there_are() -> None:
    assert psi(np.array([3, 6, 1]), np.array([300, 600, 100]), ONE_GROUP)[0] == 0


def test_psi_is_the_same_both_ways() -> None:
    one, other = np.array([1, 9]), np.array([4, 6])
    assert psi(one, other, ONE_GROUP) == pytest.approx(psi(other, one, ONE_GROUP))


def test_an_empty_bin_counts_as_the_least_share() -> None:
    found = psi(np.array([0, 10]), np.array([5, 5]), ONE_GROUP)
    gone = (LEAST_SHARE - 0.5) * math.log(LEAST_SHARE / 0.5)
    assert found[0] == pytest.approx(gone + 0.5 * math.log(2))


def test_each_group_of_bins_has_a_psi_of_its_own_and_without_rows_none() -> None:
    starts = np.array([0, 2, 4])
    found = psi(np.array([1, 1, 9, 1, 0, 0]), np.array([1, 1, 5, 5, 1, 1]), starts)
    assert found[0] == 0
    assert found[1] > 0
    assert math.isnan(found[2])


def test_wasserstein_of_a_shift_is_the_shift_in_standard_deviations() -> None:
    values = np.random.default_rng(0).normal(10, 2, 5000)
    assert wasserstein(values + 3, quantiles(values), 2.0) == pytest.approx(1.5)
    assert wasserstein(values, quantiles(values), 2.0) == 0


def test_wasserstein_does_not_see_what_is_missing() -> None:
    values = np.array([1.0, 2.0, np.nan, 3.0])
    assert wasserstein(values, quantiles(np.array([1.0, 2.0, 3.0])), 1.0) == 0
    assert math.isnan(wasserstein(np.full(3, np.nan), quantiles(values), 1.0))
