"""How a rule of the schema is declared: its dimension, its name, and what holds for a good row."""

from typing import Literal, get_args

import pandera.polars as pa
import polars as pl

Dimension = Literal["completeness", "consistency", "timeliness", "validity"]
"""DAMA's words: what is there, what fits together, what comes in time, what can be at all."""

BETWEEN = ": "


def check(dimension: Dimension, name: str, holds: pl.Expr) -> pa.Check:
    """A check of rows; a row for which `holds` is null is not judged."""
    return pa.Check(
        lambda data: data.lazyframe.select(holds.fill_null(True)),
        name=f"{dimension}{BETWEEN}{name}",
        n_failure_cases=1,  # of the values that a failure shows; none of them is kept
    )


def named(check: pa.Check) -> tuple[str, str]:
    """The dimension and the name of a check; raises ValueError when it was declared otherwise."""
    dimension, _, name = str(check.name).partition(BETWEEN)
    if dimension not in get_args(Dimension) or not name:
        raise ValueError(
            f"the check {check.name!r} of domain/quality.py names no dimension: declare it by"
            " data_quality.checks.check"
        )
    return dimension, name
