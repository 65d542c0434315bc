"""Counts the rows that fail each check of the domain's schema."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from ..domain.quality import SCHEMA
from .checks import named

Name = tuple[str, str]
"""A check's dimension and name."""


def checks_of(schema: pa.DataFrameSchema) -> tuple[Name, ...]:
    """The checks of a schema's columns, and those of whole rows."""
    parts = (*schema.columns.values(), schema)
    return tuple(named(one) for part in parts for one in part.checks)


CHECKS = checks_of(SCHEMA)


@dataclass(frozen=True)
class Found:
    """Of n rows: how many fail each check, and how many fail any."""

    rows: int
    failed: Mapping[Name, int]
    failed_any: int


def validate(rows: pl.DataFrame) -> Found:
    """Check every row; raises ValueError when a column is missing or of another type."""
    failed = dict.fromkeys(CHECKS, 0)
    good = np.ones(len(rows), np.bool_)
    try:
        # A DataFrame: of a LazyFrame pandera checks the columns only, and bad values pass.
        SCHEMA.validate(rows, lazy=True)
    except SchemaErrors as error:
        for one in error.schema_errors:
            if not isinstance(one.check, pa.Check) or one.check_output is None:
                raise ValueError(f"the rows do not fit domain/quality.py: {one}") from error
            passed = one.check_output.to_series().to_numpy()
            failed[named(one.check)] += int((~passed).sum())
            good &= passed
    return Found(len(rows), failed, int((~good).sum()))
