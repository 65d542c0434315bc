"""A whole column at a time means what `columns.Encoder` means row by row, right or wrong."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from __package__.batch.frame_encoder import FrameEncoder, number_of
from __package__.columns import Encoder, InvalidInput
from __package__.signature import Input

INPUTS = (
    Input(
        name="closed",
        type="category",
        description="",
        example="a",
        categories=("a", "b", ""),
    ),
    Input(
        name="open",
        type="category",
        description="",
        example="AA",
        categories=("AA", "BB"),
        accepts_unknown=True,
        pattern="^[A-Z]{2}$",
    ),
    Input(
        name="bounded",
        type="number",
        description="",
        example=1,
        minimum=-2.5,
        maximum=1000,
        unit="miles",
    ),
    Input(name="free", type="number", description="", example=1),
    Input(
        name="at",
        type="timestamp",
        description="",
        example="2013-07-01T00:00:00Z",
        earliest="2000-01-01T00:00:00Z",
        latest="2100-01-01T00:00:00Z",
    ),
    Input(name="ever", type="timestamp", description="", example="2013-07-01T00:00:00Z"),
)
NUMBERS = {column.name for column in INPUTS if column.type == "number"}

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001
TIMES = st.one_of(
    MOMENTS.map(datetime.isoformat),
    MOMENTS.map(lambda moment: moment.isoformat(" ", "seconds")),
    MOMENTS.map(lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    st.from_regex(
        r"[0-9]{3,4}-[0-2][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"(Z|[+-][0-2][0-9]:[0-6][0-9])",
        fullmatch=True,
    ),
    st.sampled_from(["", "2013-02-29T00:00:00Z", "2000-02-29T23:59:59Z", "2013-07-01T24:00:00Z"]),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["a", "b", "AA", "BB", "ZZ", "zz", "1", "-3", "1e3", "nan", "inf", "1_0", " 1"]
    ),
    st.floats().map(repr),
    st.from_regex(r"[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    TIMES,
    st.text(max_size=4),
)
TYPED: dict[str, st.SearchStrategy[list[Any]]] = {
    "category": st.lists(st.none() | TEXTS, min_size=3, max_size=3),
    "number": st.one_of(
        st.lists(st.none() | st.floats(), min_size=3, max_size=3),
        st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=3, max_size=3),
        st.lists(st.none() | st.booleans(), min_size=3, max_size=3),
    ),
    "timestamp": st.one_of(
        st.lists(
            st.none() | st.datetimes(timezones=st.just(UTC)),
            min_size=3,
            max_size=3,
        ),
        st.lists(st.none() | st.datetimes(), min_size=3, max_size=3),
        st.lists(st.none() | TIMES, min_size=3, max_size=3),
        st.lists(st.none() | st.dates(), min_size=3, max_size=3),
    ),
}


def one_by_one(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any] | None], dict[int, Any]]:
    """What Encoder makes of each row: its codes, or its problems."""
    encoder = Encoder(INPUTS)
    codes: list[dict[str, Any] | None] = []
    problems = {}
    for number, row in enumerate(rows):
        try:
            codes.append({name: column[0] for name, column in encoder.rows([row]).items()})
        except InvalidInput as error:
            codes.append(None)
            problems[number] = [(problem.field, problem.reason) for problem in error.problems]
    return codes, problems


def check(frame: pl.DataFrame, rows: list[dict[str, Any]], is_text: bool) -> None:
    columns, problems = FrameEncoder(INPUTS, is_text).encode(frame)
    codes, expected = one_by_one(rows)
    assert problems == expected
    for number, row in enumerate(codes):
        if row is not None:
            assert {name: column[number] for name, column in columns.items()} == row


@settings(deadline=None)  # a busy machine is no defect
@given(st.fixed_dictionaries({column.name: TYPED[column.type] for column in INPUTS}))
def test_typed_columns_mean_the_same(raw: dict[str, list[Any]]) -> None:
    frame = pl.DataFrame(raw, strict=False)
    check(frame, frame.to_dicts(), is_text=False)


@settings(deadline=None)  # a busy machine is no defect
@given(st.lists(st.tuples(*(st.none() | TEXTS for _ in INPUTS)), min_size=1, max_size=4))
def test_text_means_the_same(table: list[tuple[str | None, ...]]) -> None:
    names = [column.name for column in INPUTS]
    rows = [dict(zip(names, values, strict=True)) for values in table]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))
    read = [
        {name: number_of(text) if name in NUMBERS else text for name, text in row.items()}
        for row in rows
    ]
    check(frame, read, is_text=True)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_of_any_precision_become_the_second_they_lie_in(unit: Any) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 58, 900_000, UTC)
    frame = pl.DataFrame({"ever": [moment]}, schema={"ever": pl.Datetime(unit, "UTC")})
    columns, problems = FrameEncoder((INPUTS[-1],), is_text=False).encode(frame)
    assert not problems
    assert columns["ever"].tolist() == [-2]


def test_a_moment_that_python_cannot_tell_is_refused() -> None:
    beyond = pl.Series("ever", [2**62]).cast(pl.Datetime("ms", "UTC"))
    _, problems = FrameEncoder((INPUTS[-1],), is_text=False).encode(pl.DataFrame([beyond]))
    assert list(problems) == [0]
