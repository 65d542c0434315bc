"""Rows are checked against the domain's schema, each check counted by its dimension and name."""

import pandera.polars as pa
import polars as pl
import pytest

from __package__.data_quality import validation
from __package__.data_quality.checks import check, named
from __package__.data_quality.validation import validate

SCHEMA = pa.DataFrameSchema(
    {
        "size": pa.Column(
            pl.Float64, check("validity", "is positive", pl.col("size") > 0), nullable=True
        )
    },
    checks=[
        check("completeness", "has a size", pl.col("size").is_not_null()),
        check("consistency", "size below limit", pl.col("size") < pl.col("limit")),
    ],
)


@pytest.fixture(autouse=True)
def schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small schema in place of the domain's."""
    monkeypatch.setattr(validation, "SCHEMA", SCHEMA)
    monkeypatch.setattr(validation, "CHECKS", validation.checks_of(SCHEMA))


def frame(*sizes: float | None) -> pl.DataFrame:
    return pl.DataFrame({"size": pl.Series(sizes, dtype=pl.Float64)}).with_columns(limit=3.0)


def test_good_rows_fail_nothing_and_every_check_is_named() -> None:
    found = validate(frame(1.0, 2.0))
    assert (found.rows, found.failed_any) == (2, 0)
    assert found.failed == {
        ("validity", "is positive"): 0,
        ("completeness", "has a size"): 0,
        ("consistency", "size below limit"): 0,
    }


def test_each_check_counts_its_rows_and_a_row_that_fails_two_counts_once_in_all() -> None:
    found = validate(frame(1.0, -1.0, 5.0, None, -2.0))
    assert found.failed == {
        ("validity", "is positive"): 2,
        ("completeness", "has a size"): 1,
        ("consistency", "size below limit"): 1,
    }
    assert found.failed_any == 4


def test_what_is_missing_is_judged_by_checks_of_completeness_alone() -> None:
    found = validate(frame(None))
    assert [name for (name, _), count in found.failed.items() if count] == ["completeness"]


def test_rows_without_a_column_or_of_another_type_are_no_bad_rows_but_an_error() -> None:
    with pytest.raises(ValueError, match=r"the rows do not fit domain/quality\.py"):
        validate(frame(1.0).drop("size"))
    with pytest.raises(ValueError, match=r"the rows do not fit domain/quality\.py"):
        validate(frame(1.0).with_columns(pl.col("size").cast(pl.String)))


def test_a_check_without_a_dimension_says_how_to_declare_it() -> None:
    with pytest.raises(ValueError, match="names no dimension: declare it by"):
        named(pa.Check.gt(0))
