"""Values become typed columns, or a sentence that says where and why not."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from __package__.columns import UNKNOWN, Encoder, InvalidInput, Problem
from __package__.signature import Input

SIZE = Input(name="size", type="number", description="", example=1, unit="m", minimum=0, maximum=10)
FREE = Input(name="free", type="number", description="", example=1)
COLOUR = Input(
    name="colour", type="category", description="", example="red", categories=("blue", "red")
)
CODE = Input(
    name="code",
    type="category",
    description="",
    example="AB",
    categories=("AB", "CD"),
    accepts_unknown=True,
    pattern="^[A-Z]{2}$",
)
ERA = Input(
    name="era",
    type="timestamp",
    description="",
    example="2013-07-01T08:15:00-04:00",
    earliest="2000-01-01T00:00:00Z",
    latest="2100-01-01T00:00:00Z",
)
MOMENT = Input(name="moment", type="timestamp", description="", example="2013-07-01T08:15:00-04:00")


def reason(column: Input, value: object) -> str:
    with pytest.raises(InvalidInput) as refused:
        Encoder([column]).rows([{column.name: column.example}, {column.name: value}])
    (problem,) = refused.value.problems
    assert (problem.row, problem.field) == (1, column.name)
    return problem.reason


def test_each_type_has_its_own_array() -> None:
    columns = Encoder([SIZE, COLOUR, MOMENT]).columns(
        {
            "size": [1, 2.5],
            "colour": ["red", "blue"],
            "moment": ["1970-01-01T00:00:01Z", "1970-01-01T01:00:00.9+01:00"],
        }
    )
    assert columns["size"].dtype == np.float64
    assert columns["size"].tolist() == [1.0, 2.5]
    assert columns["colour"].dtype == np.int64
    assert columns["colour"].tolist() == [1, 0]
    assert columns["moment"].dtype == np.int64
    assert columns["moment"].tolist() == [1, 0]


def test_an_open_category_has_a_code_for_the_unknown() -> None:
    assert Encoder([CODE]).columns({"code": ["CD", "ZZ"]})["code"].tolist() == [1, UNKNOWN]


def test_a_moment_may_come_as_a_datetime() -> None:
    moment = datetime(1970, 1, 2, tzinfo=UTC)
    assert Encoder([MOMENT]).columns({"moment": [moment]})["moment"].tolist() == [86_400]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (SIZE, None, "is missing"),
        (SIZE, "1", "must be a number, not text"),
        (SIZE, True, "must be a number, not a boolean"),
        (SIZE, [1], "must be a number, not a list"),
        (SIZE, {}, "must be a number, not an object"),
        (SIZE, math.nan, "must be finite"),
        (SIZE, -math.inf, "must be finite"),
        (SIZE, -0.5, "must be at least 0 m"),
        (SIZE, 11, "must be at most 10 m"),
        (FREE, 10**400, "must be at most 1.79769e+308"),
        (COLOUR, "green", "must be one of blue, red"),
        (COLOUR, 1, "must be text, not a number"),
        (CODE, "zz", "must match ^[A-Z]{2}$"),
        (CODE, "AB\n", "must match ^[A-Z]{2}$"),
        (CODE, ["AB"], "must be text, not a list"),
        (MOMENT, None, "is missing"),
        (MOMENT, 5, f"must be an ISO 8601 timestamp such as {MOMENT.example}, not a number"),
        (MOMENT, "soon", f"must be an ISO 8601 timestamp such as {MOMENT.example}"),
        (ERA, "1999-12-31T23:59:59Z", "must not be before 2000-01-01T00:00:00Z"),
        (ERA, "9999-12-31T23:59:59Z", "must not be after 2100-01-01T00:00:00Z"),
        (MOMENT, "0001-01-01T00:00:00+01:00", "must not be before the year 1 in UTC"),
        (MOMENT, "2013-07-01T08:15:00", f"must carry its UTC offset, as in {MOMENT.example}"),
    ],
)
def test_a_refusal_says_why(column: Input, value: object, expected: str) -> None:
    assert reason(column, value) == expected


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.sampled_from([SIZE, FREE, COLOUR, CODE, ERA, MOMENT]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text("ABab019:-T+Z é\n"),
        st.sampled_from(["AB", "red", MOMENT.example, "2013-07-01"]),
        st.datetimes(timezones=st.sampled_from([None, UTC])),
        st.lists(st.integers()),
    ),
)
def test_whatever_is_sent_is_encoded_or_refused(column: Input, value: object) -> None:
    try:
        columns = Encoder([column]).rows([{column.name: value}])
    except InvalidInput:
        return
    assert np.isfinite(columns[column.name]).all()


def test_all_problems_are_told_in_order_of_rows() -> None:
    rows: list[dict[str, object]] = [
        {"size": 1, "colour": "red"},
        {"size": 11, "extra": 1},
        {"colour": "grey"},
    ]
    with pytest.raises(InvalidInput) as refused:
        Encoder([SIZE, COLOUR]).rows(rows)
    assert refused.value.problems == (
        Problem(1, "extra", "is not an input of this model"),
        Problem(1, "size", "must be at most 10 m"),
        Problem(1, "colour", "is missing"),
        Problem(2, "size", "is missing"),
        Problem(2, "colour", "must be one of blue, red"),
    )
    assert str(refused.value) == "row 1, extra: is not an input of this model"


def test_a_field_too_many_is_refused() -> None:
    with pytest.raises(InvalidInput, match="row 0, extra: is not an input"):
        Encoder([SIZE]).rows([{"size": 1, "extra": 1}])


def test_the_list_of_problems_is_bounded() -> None:
    with pytest.raises(InvalidInput) as refused:
        Encoder([SIZE]).rows([{"size": -1}] * 1_000)
    assert len(refused.value.problems) == 100


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"size": [1]}, "colour: is missing"),
        ({"size": [1], "colour": ["red"], "extra": [1]}, "extra: is not an input of this model"),
        ({"size": [1, 2], "colour": ["red"]}, "colour: holds 1 values, but size 2"),
        ({"size": [1], "colour": ["grey"]}, "row 0, colour: must be one of blue, red"),
    ],
)
def test_columns_of_the_wrong_shape_are_refused(
    raw: dict[str, list[object]], expected: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Encoder([SIZE, COLOUR]).columns(raw)
    assert str(refused.value) == expected
