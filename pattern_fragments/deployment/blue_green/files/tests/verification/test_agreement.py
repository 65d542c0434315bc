"""The two measures of agreement, on samples whose answer is known, and against SciPy."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr

from __package__.verification.agreement import (
    distance,
    rank_correlation,
)


def test_the_distance_of_equal_samples_is_0_and_of_separate_ones_1() -> None:
    values = np.linspace(0, 0.4, 50)
    assert distance(values, values) == 0
    assert distance(values, values + 0.5) == 1


def test_the_distance_is_the_largest_gap_of_the_distributions() -> None:
    # Up to 2 lie three quarters of the one and a quarter of the other.
    assert distance(np.array([1.0, 1, 2, 3]), np.array([2.0, 3, 3, 3])) == pytest.approx(0.5)


def test_the_same_order_agrees_to_1_and_the_reverse_to_minus_1() -> None:
    values = np.array([0.1, 0.5, 0.2, 0.9])
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)


def test_a_model_that_says_the_same_of_every_row_agrees_with_nobody() -> None:
    assert rank_correlation(np.full(4, 0.3), np.array([0.1, 0.2, 0.3, 0.4])) == 0


def test_both_measures_are_those_of_scipy_with_ties_too() -> None:
    random = np.random.default_rng(0)
    one, other = (np.round(random.random(300), 2) for _ in range(2))
    assert distance(one, other) == pytest.approx(ks_2samp(one, other).statistic)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
