"""Reads the prediction log: what was predicted in a stretch of time."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath

import polars as pl

from .object_store import ERRORS, is_url, options, place

COLUMNS = ("prediction_id", "time", "model_version", "prediction", "inputs", "features")


def scan(where: str, since: datetime, until: datetime) -> pl.LazyFrame:
    """What was predicted in [since, until), in order of time: each prediction once.

    `where` is the folder or URL of the log. Columns: `prediction_id`, `model_version` (String),
    `time` (Datetime, UTC), `prediction` (Float32), `inputs` and `features` (structs: of all models
    whose predictions are there; null where a model had no such field). What comes in later is found
    by the next call.

    Raises FileNotFoundError when no file is there of these days, ValueError when the log cannot be
    read.
    """
    where = place(where, "the prediction log")
    try:
        found = files(where, since.astimezone(UTC), until.astimezone(UTC))
        if not found:
            raise FileNotFoundError(
                f"{where} holds no predictions from {since:%Y-%m-%d %H:%M} to"
                f" {until:%Y-%m-%d %H:%M}: has the service predicted, and is that its log?"
            )
        rows = pl.concat(
            [
                pl.scan_parquet(
                    same, glob=False, hive_partitioning=False, storage_options=options(where)
                )
                for same in found
            ],
            how="diagonal_relaxed",
        )
        absent = [name for name in COLUMNS if name not in rows.collect_schema()]
    except FileNotFoundError:
        raise
    except ERRORS as error:
        raise ValueError(f"the prediction log {where} cannot be read: {error}") from error
    return (
        rows.filter(pl.col("time").is_between(since, until, closed="left"))
        .sort("time", "prediction_id")
        .unique("prediction_id", keep="first", maintain_order=True)
        .with_columns(pl.lit(None).alias(name) for name in absent)
        .select(COLUMNS)
    )


def files(where: str, since: datetime, until: datetime) -> list[list[str]]:
    """The files of these days; those of one list have the same columns."""
    folders = [f"date={day:%Y-%m}-*" for day in _months(since.date(), until.date())]
    if is_url(where):
        found = _list([f"{where}/{folder}/*.parquet" for folder in folders], where)
    else:
        found = [
            str(path) for folder in folders for path in Path(where).glob(f"{folder}/*.parquet")
        ]
    first, last = f"date={since:%Y-%m-%d}", f"date={until:%Y-%m-%d}"
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(found):
        path = PurePosixPath(name)
        if first <= path.parent.name <= last:
            alike[path.stem.rpartition("-")[2]].append(name)
    return list(alike.values())


def _list(patterns: list[str], where: str) -> list[str]:
    """What an object store holds: polars has no other way to list it than to look into each."""
    looked = pl.scan_parquet(
        patterns,
        schema={"prediction_id": pl.String},
        extra_columns="ignore",
        hive_partitioning=False,
        include_file_paths="file",
        storage_options=options(where),
    )
    return looked.select(pl.col("file").unique()).collect()["file"].to_list()


def _months(first: date, last: date) -> Iterator[date]:
    """The first day of each month from `first` to `last`."""
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)
