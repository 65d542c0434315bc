"""The features of entities as of a cut."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from __package__.feature_definition import EntityFeature
from __package__.feature_store.tables import of_nothing
from __package__.feature_store.windows import history_of

HISTORY = {
    "trips": pl.DataFrame(
        {
            "available_at": [datetime(2020, 1, 1, hour, tzinfo=UTC) for hour in (3, 1, 2, 2, 2)],
            "shop": ["a", "a", "a", "b", "a"],
            "late": [None, 1.0, 4.0, 8.0, float("nan")],
        }
    )
}


def definition(statistic: str, hours: int) -> EntityFeature:
    return EntityFeature("f", "shop", "trips", "late", statistic, hours * 3600)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statistic", "hours", "expected"),
    [
        ("mean", 3, [2.5, 8.0]),
        ("mean", 2, [4.0, 8.0]),
        ("mean", 1, [np.nan, np.nan]),
        ("last", 3, [4.0, 8.0]),
        ("last", 1, [np.nan, np.nan]),
        ("count", 3, [2.0, 1.0]),
        ("count", 1, [0.0, 0.0]),
    ],
)
def test_a_window_is_open_at_its_start_and_closed_at_its_cut(
    statistic: str, hours: int, expected: list[float]
) -> None:
    cut = int(datetime(2020, 1, 1, 3, tzinfo=UTC).timestamp())
    feature = definition(statistic, hours)
    rows = history_of([feature], HISTORY, ("a", "b"), np.array([0, 1]), np.full(2, cut))
    np.testing.assert_array_equal(rows[:, 0], np.array(expected, np.float32))


@pytest.mark.parametrize("statistic", ["mean", "last", "count"])
def test_an_entity_without_a_row_is_one_without_events(statistic: str) -> None:
    feature = definition(statistic, 1)
    rows = history_of([feature], HISTORY, ("a",), np.array([0]), np.array([0]))
    np.testing.assert_array_equal(of_nothing([feature]), rows[0])
