"""The statistics against scipy, against formulas, and against simulated truth."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from __package__.experiment.compare import (
    Sums,
    alike,
    difference,
    excess_of_means,
    excess_of_shares,
    holm,
    sample_ratio,
    wilson,
)

HALVES = {"control": 0.5, "challenger": 0.5}


def drawn(random: np.random.Generator, units: int, mean: float = 6.0) -> Sums:
    """Units whose rows are alike, and that have more rows the higher their values are."""
    level = random.normal(mean, 2, units)
    counts = 1.0 + random.poisson(np.clip(level, 0, None)).astype(np.float64)
    return Sums(counts * level, counts)


def test_with_as_many_rows_each_it_is_the_test_of_welch() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(6, 1, 80), random.normal(6.3, 3, 120)
    found = difference(Sums(5 * a, np.full(80, 5.0)), Sums(5 * b, np.full(120, 5.0)), 0.05)
    expected = ttest_ind(b, a, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(b.mean() - a.mean())


def test_values_of_units_have_the_mean_of_all_rows_and_the_variance_of_the_delta_method() -> None:
    sums = drawn(np.random.default_rng(0), 500)
    values, counts = sums.values, sums.counts
    covariance = np.cov(values, counts)
    ratio = values.sum() / counts.sum()
    by_formula = (
        covariance[0, 0] - 2 * ratio * covariance[0, 1] + ratio**2 * covariance[1, 1]
    ) / counts.mean() ** 2
    assert sums.of_units.mean() == pytest.approx(ratio)
    assert sums.of_units.var(ddof=1) == pytest.approx(by_formula)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    effect = 0.0
    runs = 600
    held = 0
    for _ in range(runs):
        found = difference(drawn(random, 150), drawn(random, 150), 0.05)
        held += found.low <= effect <= found.high
    low, high = wilson(held, runs)
    assert low <= 0.95 <= high


def test_a_worse_mean_is_told_from_one_that_is_within_the_margin() -> None:
    random = np.random.default_rng(0)
    control = drawn(random, 800)
    alike = excess_of_means(control, drawn(random, 800), margin=1.0)
    worse = excess_of_means(control, drawn(random, 800, mean=8.0), margin=1.0)
    assert alike.p_within < 0.01 < 0.5 < alike.p_beyond
    assert worse.p_beyond < 0.01 < 0.5 < worse.p_within


def shares(happened: int, units: int, requests: float = 10.0) -> Sums:
    """Units of which so many met it, each at all of its requests."""
    values = np.where(np.arange(units) < happened, requests, 0.0)
    return Sums(values, np.full(units, requests))


def test_failures_are_compared_where_none_came_and_where_nothing_else_came() -> None:
    none = excess_of_shares(shares(0, 1000), shares(0, 1000), margin=0.005)
    few = excess_of_shares(shares(0, 100), shares(0, 100), margin=0.005)
    all_of_them = excess_of_shares(shares(0, 100), shares(100, 100), margin=0.005)
    assert none.p_within < 0.05 < few.p_within
    assert all_of_them.p_beyond < 1e-6
    assert (all_of_them.control, all_of_them.challenger, all_of_them.excess) == (0, 1, 1)


def test_more_requests_of_the_same_units_make_nothing_surer() -> None:
    one, many = (
        excess_of_shares(shares(4, 200, rows), shares(12, 200, rows), margin=0.01)
        for rows in (1.0, 500.0)
    )
    assert one.p_beyond == pytest.approx(many.p_beyond)


def test_where_units_differ_there_are_no_more_false_alarms_than_planned() -> None:
    """Some units are slow at all of their requests, whichever arm they are in."""
    random = np.random.default_rng(0)

    def drawn_shares() -> Sums:
        slow = random.uniform(size=300) < 0.05
        requests = 1 + random.poisson(20, 300)
        return Sums((requests * slow).astype(np.float64), requests.astype(np.float64))

    runs = 400
    pairs = [(drawn_shares(), drawn_shares()) for _ in range(runs)]
    beyond = sum(excess_of_shares(*pair, margin=1e-9).p_beyond < 0.05 for pair in pairs)
    different = sum(alike(*pair) < 0.05 for pair in pairs)
    assert wilson(beyond, runs)[0] <= 0.05
    assert wilson(different, runs)[0] <= 0.05


def test_a_rare_failure_at_the_margin_is_seldom_called_fine() -> None:
    """The limit of what is allowed: of 100 such challengers five may pass."""
    random = np.random.default_rng(0)
    control, runs, fine = shares(0, 800, 1.0), 2000, 0
    for happened in random.binomial(800, 0.005, runs):
        fine += excess_of_shares(control, shares(happened, 800, 1.0), 0.005).p_within < 0.05
    assert wilson(fine, runs)[0] <= 0.05


def test_a_split_that_is_not_as_planned_is_unlikely() -> None:
    assert sample_ratio({"control": 5010, "challenger": 4990}, HALVES) > 0.5
    assert sample_ratio({"control": 5200, "challenger": 4800}, HALVES) < 0.001
    uneven = {"control": 0.9, "challenger": 0.1}
    assert sample_ratio({"control": 9010, "challenger": 990}, uneven) > 0.5


def test_several_p_values_are_corrected_stepwise() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
