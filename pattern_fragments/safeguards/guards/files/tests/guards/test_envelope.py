"""The envelope: what training rows had, and what may lie how far beyond."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.guards.envelope import Bounds, Envelope, Reach

TO_100 = Envelope(100, {"size": Reach(0.0, 100.0, 0)})
SOME_MISSING = Envelope(100, {"size": Reach(0.0, 100.0, 3)})
CONSTANT = Envelope(100, {"size": Reach(5.0, 5.0, 0)})
NEVER_THERE = Envelope(100, {"size": Reach(None, None, 100)})


def row(value: float) -> NDArray[np.float32]:
    return np.array([[value]], np.float32)


def holds(envelope: Envelope, margin: float, value: float) -> bool:
    """By the fast way and the one that says why, which must agree."""
    bounds = Bounds(envelope, margin)
    broken = bounds.broken(row(value))
    assert bounds.holds(row(value)) == (not np.any(broken))
    assert sum(int(one[0, 0]) for one in broken) <= 1
    return bounds.holds(row(value))


@pytest.mark.parametrize(
    ("margin", "value", "is_held"),
    [
        (0, 0.0, True),
        (0, 100.0, True),
        (0, np.nextafter(np.float32(100), np.float32(101)), False),
        (0, -1e-30, False),
        (0.5, 150.0, True),
        (0.5, 150.1, False),
        (0.5, -50.0, True),
        (0.5, -50.1, False),
        (1000, 1e30, False),
        (1, np.inf, False),
        (1, -np.inf, False),
        (1, np.nan, False),
    ],
)
def test_a_feature_may_lie_the_margin_beyond_what_training_had(
    margin: float, value: float, is_held: bool
) -> None:
    assert holds(TO_100, margin, value) == is_held


@pytest.mark.parametrize(("days", "value", "is_held"), [(30, 151, 0), (20, 151, 1), (20, 176, 0)])
def test_the_fewer_days_training_has_seen_the_more_room_there_is(
    days: int, value: float, is_held: int
) -> None:
    assert holds(Envelope(days, TO_100.features), 0.5, value) == bool(is_held)


def test_a_feature_may_be_missing_if_it_was_in_training() -> None:
    assert holds(SOME_MISSING, 0, np.nan)
    assert not holds(SOME_MISSING, 0, 101.0)
    assert not holds(TO_100, 0, np.nan)


def test_a_feature_with_one_value_alone_may_have_any_but_an_infinite_one() -> None:
    assert holds(CONSTANT, 0, 1e30)
    assert not holds(CONSTANT, 0, np.inf)
    assert not holds(CONSTANT, 0, np.nan)


def test_a_feature_that_training_never_had_may_be_there_or_not() -> None:
    assert holds(NEVER_THERE, 0, np.nan)
    assert holds(NEVER_THERE, 0, 7.0)


def test_the_rows_and_features_that_break_it_are_told_apart() -> None:
    envelope = Envelope(100, {"a": Reach(0.0, 1.0, 0), "b": Reach(0.0, 1.0, 0)})
    features = np.array([[0.5, 0.5], [2.0, np.nan], [-1.0, 0.5]], np.float32)
    below, above, missing = Bounds(envelope, 0).broken(features)
    assert np.argwhere(above).tolist() == [[1, 0]]
    assert np.argwhere(below).tolist() == [[2, 0]]
    assert np.argwhere(missing).tolist() == [[1, 1]]


def test_what_one_broken_sensor_has_said_moves_no_bound() -> None:
    values = np.random.default_rng(0).uniform(0, 30, 10_000).astype(np.float32)
    values[17] = 1048.0
    values[18] = np.nan
    reach = Envelope.of(["wind"], values[:, None], 100).features["wind"]
    assert reach.missing == 1
    assert reach.low is not None
    assert reach.low >= 0
    assert reach.high is not None
    assert 29 < reach.high <= 30


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "envelope.json"
    features = np.array([[1.0, np.nan], [np.nan, np.nan]], np.float32)
    envelope = Envelope.of(["a", "b"], features, 1)
    envelope.write(path)
    assert Envelope.read(path) == envelope
    assert envelope.features["b"] == Reach(None, None, 2)


def test_a_file_that_is_no_envelope_is_named(tmp_path: Path) -> None:
    path = tmp_path / "envelope.json"
    with pytest.raises(FileNotFoundError, match="train again, which writes it"):
        Envelope.read(path)
    path.write_text('{"days": 1}')
    with pytest.raises(ValueError, match=r"envelope\.json is no envelope of a model"):
        Envelope.read(path)
