"""Encoded columns turned back into what was asked."""

from datetime import UTC, datetime

import polars as pl

from __package__.columns import Encoder
from __package__.frames import frame
from __package__.signature import Input

INPUTS = (
    Input(
        name="shop",
        type="category",
        description="",
        example="a",
        categories=("a", "b"),
        accepts_unknown=True,
        pattern="^[a-z]$",
    ),
    Input(name="at", type="timestamp", description="", example="2020-01-01T00:00:00Z"),
    Input(name="price", type="number", description="", example=1),
)


def test_values_come_back_and_what_is_unknown_is_null() -> None:
    asked: dict[str, list[object]] = {
        "shop": ["b", "z", "a"],
        "at": ["2020-01-01T00:00:00Z", "1950-05-05T12:00:00+02:00", "2099-12-31T23:59:59Z"],
        "price": [1, 2.5, -3],
    }
    assert frame(INPUTS, Encoder(INPUTS).columns(asked)).to_dict(as_series=False) == {
        "shop": ["b", None, "a"],
        "at": [
            datetime(2020, 1, 1, tzinfo=UTC),
            datetime(1950, 5, 5, 10, tzinfo=UTC),
            datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
        ],
        "price": [1.0, 2.5, -3.0],
    }


def test_the_types_do_not_depend_on_the_rows() -> None:
    empty = frame(INPUTS, Encoder(INPUTS).rows([]))
    assert empty.schema == {
        "shop": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "price": pl.Float64(),
    }
    assert empty.height == 0
