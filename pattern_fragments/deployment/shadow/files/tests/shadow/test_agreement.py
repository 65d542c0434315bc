"""The figures of agreement, held to numbers made by hand."""

import numpy as np
import polars as pl
import pytest

from __package__.shadow.agreement import (
    ENOUGH_ROWS,
    agreement,
    at_threshold,
    by_segment,
    correlation,
    ks_distance,
)

CHAMPION = np.array([0.1, 0.2, 0.3, 0.4])


def test_a_model_agrees_with_itself() -> None:
    found = agreement(CHAMPION, CHAMPION, 0.1, 0.25)
    assert found.differing_share == found.mean_difference == found.ks_distance == 0
    assert found.correlation == pytest.approx(1)
    assert found.rank_correlation == pytest.approx(1)
    assert found.at_threshold.disagree == 0


def test_rows_differ_beyond_the_tolerance_and_not_at_it() -> None:
    candidate = CHAMPION + np.array([0.0, 0.125, -0.25, 0.5])
    found = agreement(CHAMPION, candidate, 0.125, 0.25)
    assert found.differing_share == 0.5
    assert found.mean_difference == pytest.approx(0.09375)
    assert found.mean_absolute_difference == pytest.approx(0.21875)
    assert found.quantiles["0.5"] == pytest.approx(0.0625)


def test_ranks_that_are_reversed_are_correlated_by_minus_one() -> None:
    found = agreement(CHAMPION, np.exp(-CHAMPION * 10), 0.1, 0.25)
    assert found.rank_correlation == pytest.approx(-1)


def test_a_candidate_that_always_says_the_same_has_no_correlation() -> None:
    assert correlation(CHAMPION, np.full(4, 0.2)) is None


def test_the_distance_of_two_distributions_is_the_largest_gap_between_them() -> None:
    # Up to 0.2 lie two of four, and none of four.
    assert ks_distance(CHAMPION, CHAMPION + 0.15) == pytest.approx(0.5)
    assert ks_distance(CHAMPION, CHAMPION + 1) == 1


def test_who_lies_on_which_side_of_the_threshold_is_counted() -> None:
    found = at_threshold(CHAMPION, np.array([0.3, 0.3, 0.2, 0.5]), 0.3)
    assert (found.champion_only, found.candidate_only, found.both) == (0.25, 0.5, 0.25)
    assert found.disagree == 0.75


def test_the_segment_that_differs_most_comes_first_and_small_ones_are_left_out() -> None:
    values = ["calm"] * ENOUGH_ROWS + ["wild"] * ENOUGH_ROWS + ["rare"]
    champion = np.zeros(len(values))
    candidate = np.where(np.array(values) == "calm", 0.0, 1.0)
    rows = pl.DataFrame({"champion": champion, "candidate": candidate}).with_columns(
        pl.DataFrame({"place": values}).to_struct("inputs")
    )
    found = by_segment(rows, ["place"], 0.1)
    assert [(one.value, one.differing_share) for one in found] == [("wild", 1.0), ("calm", 0.0)]


def test_a_segment_that_no_log_holds_is_named() -> None:
    rows = pl.DataFrame({"champion": [0.1], "candidate": [0.1], "inputs": [None]})
    with pytest.raises(ValueError, match=r"SEGMENTS in domain/value\.py names age"):
        by_segment(rows, ["age"], 0.1)
