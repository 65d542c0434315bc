"""The outcomes: what came of each prediction, written down by whoever learns it."""

import glob
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from .object_store import ERRORS, is_url, options, place

SUFFIXES = (".parquet", ".csv", ".jsonl")
MOMENT = pl.Datetime("us", "UTC")

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "prediction_id": pl.String,
    "label": pl.Float64,
    "labelled_at": MOMENT,
}
"""`label` is 1 or 0; `labelled_at` is when it was known, with its UTC offset."""

OFFSET = r"(Z|[+-]\d\d:?\d\d)\s*$"
"""How a time that is text ends when it has its offset."""


def scan(where: str) -> pl.LazyFrame:
    """All outcomes, of a prediction perhaps several; none when there is no file yet.

    `where` is a file, a folder (with all below it), a pattern, or a URL of one of these. In an
    object store a folder holds parquet. Columns: those of SCHEMA; others are left alone.

    Raises ValueError, which names it, when a file cannot be read or holds something else.
    """
    frames = [_read(name) for name in names(place(where, "SERVICE_OUTCOMES"))]
    return pl.concat(frames) if frames else pl.LazyFrame(schema=SCHEMA)


def known(outcomes: pl.LazyFrame, since: datetime, as_of: datetime) -> pl.LazyFrame:
    """Of the outcomes told from `since` to `as_of` the newest of each prediction.

    What was told later, be it a correction, was not known then and changes nothing.
    """
    told = outcomes.filter(pl.col("labelled_at").is_between(since, as_of))
    return told.sort("labelled_at").unique("prediction_id", keep="last", maintain_order=True)


def names(where: str) -> Sequence[str]:
    """The files that hold outcomes there, or for polars to find out: patterns."""
    if is_url(where):
        return [where if where.endswith(SUFFIXES) else f"{where.rstrip('/')}/**/*.parquet"]
    path = Path(where)
    if path.is_dir():
        found = [str(inner) for inner in path.rglob("*") if not inner.name.startswith(".")]
    elif path.exists():
        found = [where]
    else:
        found = glob.glob(where, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
    return sorted(name for name in found if name.endswith(SUFFIXES))


def _read(name: str) -> pl.LazyFrame:
    try:
        rows = _rows(name)
        _check(rows, name)
    except ERRORS as error:
        raise ValueError(f"the outcomes in {name} cannot be read: {_first_line(error)}") from error
    return rows.select(*SCHEMA).drop_nulls()


def _rows(name: str) -> pl.LazyFrame:
    settings = options(name)
    if name.endswith(".csv"):
        # Ids may look like numbers: everything is text first.
        rows = pl.scan_csv(name, infer_schema=False, storage_options=settings)
    elif name.endswith(".jsonl"):
        rows = pl.scan_ndjson(name, storage_options=settings)
    else:
        rows = _parquet(name)
    schema = rows.collect_schema()
    if missing := [column for column in SCHEMA if column not in schema]:
        raise ValueError(f"{name} has no column {missing[0]}")
    moment = pl.col("labelled_at")
    has_offset = moment.str.contains(OFFSET) if schema["labelled_at"] == pl.String else pl.lit(1)
    return rows.select(
        pl.col("prediction_id").cast(pl.String),
        pl.col("label").cast(pl.Float64),
        _moment(name, schema["labelled_at"]),
        has_offset=has_offset.cast(pl.Boolean),
    )


def _parquet(name: str) -> pl.LazyFrame:
    if not is_url(name):
        return pl.scan_parquet(name, glob=False, hive_partitioning=False)
    return pl.scan_parquet(
        name,
        schema=SCHEMA,  # a store without any outcome yet is none with a wrong one
        extra_columns="ignore",
        hive_partitioning=False,
        storage_options=options(name),
    )


def _moment(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col("labelled_at")
    if kind == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return column.cast(MOMENT)
    raise ValueError(f"{name}: labelled_at must be a time with its UTC offset, not {kind}")


def _check(rows: pl.LazyFrame, name: str) -> None:
    is_label = pl.col("label").is_in([0.0, 1.0])
    has_moment = pl.col("labelled_at").is_not_null()
    wrong = rows.filter(~is_label | ~pl.col("has_offset") | ~has_moment)
    row = next(iter(wrong.drop_nulls("label").head(1).collect().to_dicts()), None)
    if row is None:
        return
    if row["labelled_at"] is None:
        raise ValueError(
            f"{name}: {row['prediction_id']} has a label and no labelled_at. Is the file still"
            " being written? Move it into place when it is whole"
        )
    if not row["has_offset"]:
        raise ValueError(
            f"{name}: the labelled_at of {row['prediction_id']} must be a time with its UTC"
            " offset, such as 2013-07-01T14:20:00Z"
        )
    raise ValueError(f"{name}: the label of {row['prediction_id']} is {row['label']:g}, not 0 or 1")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
