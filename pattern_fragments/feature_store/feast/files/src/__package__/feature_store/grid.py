"""The rows of the offline store: the features of every entity at each moment of a grid.

A moment is a full INTERVAL since 1970. The row of a moment holds what was known at it, and holds
until the next one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..feature_matrix import ENTITIES, LONGEST_WINDOW
from .versions import AS_OF, INTERVAL, NEWEST, TABLE, event_tables, freshness_view, view_of
from .windows import Events, history_of

TIMESTAMP = "event_timestamp"


def moment_before(seconds: float) -> int:
    """The last moment of the grid until a time, in seconds since 1970 UTC."""
    return int(seconds // INTERVAL) * INTERVAL


def newest_events(events: Events, until: float | None = None) -> dict[str, float]:
    """When the newest event of each table became known, in seconds since 1970 UTC.

    Raises ValueError when a table holds none.
    """
    newest = {}
    for table in event_tables():
        times = events[table]["available_at"].dt.epoch("s")
        last = (times if until is None else times.filter(times <= until)).max()
        if not isinstance(last, int):
            raise ValueError(f"the table {table} holds no event to compute features from")
        newest[table] = float(last)
    return newest


def end_of(newest: Mapping[str, float]) -> float:
    """Up to when features can be computed from tables that end at `newest`, in seconds since 1970.

    That is the newest event of all. Where even that is older than the longest window, the events
    are a record of the past, and it is when the first of the tables ends: later, its windows could
    be empty.
    """
    live = datetime.now(UTC) - LONGEST_WINDOW
    last = max(newest.values())
    return last if last >= live.timestamp() else min(newest.values())


def write_rows(folder: Path, events: Events, first: int, last: int) -> None:
    """Add the rows of all moments from `first` to `last` to an offline store.

    A file is there as a whole or not at all. The rows on freshness are the last to come.
    """
    moments = np.arange(first, last + 1, INTERVAL)
    for entity in ENTITIES:
        _write(folder, view_of(entity), _features_at(entity, events, moments), moments)
    _write(folder, freshness_view(), _freshness_at(events, moments), moments)


def last_moment(folder: Path) -> int | None:
    """Up to when an offline store is complete; None when it holds nothing of these features."""
    ends = [_seconds(path.stem.split("_")[1]) for path in folder.glob(f"{freshness_view()}/[0-9]*")]
    return max(ends, default=None)


def files_of(folder: Path, view: str) -> str:
    """The pattern of the files of a view."""
    return str(folder.absolute() / view / "*.parquet")


def _features_at(entity: str, events: Events, moments: NDArray[np.int64]) -> pl.DataFrame:
    features = ENTITIES[entity]
    tables = sorted({feature.events for feature in features})
    names = _names(pl.concat([events[table][entity] for table in tables]))
    codes = np.repeat(np.arange(len(names)), len(moments))
    cuts = np.tile(moments, len(names))
    values = history_of(features, events, names, codes, cuts)
    return pl.DataFrame(
        {
            entity: pl.Series(names, dtype=pl.String).gather(codes),
            TIMESTAMP: _timestamps(cuts),
            **{feature.name: values[:, column] for column, feature in enumerate(features)},
            AS_OF: cuts.astype(np.float64),
        }
    )


def _freshness_at(events: Events, moments: NDArray[np.int64]) -> pl.DataFrame:
    frames = []
    for table in event_tables():
        times = np.sort(events[table]["available_at"].dt.epoch("s").to_numpy())
        known = np.searchsorted(times, moments, "right")
        some = moments[known > 0]
        newest = times[known[known > 0] - 1].astype(np.float64)
        frames.append(
            pl.DataFrame(
                {
                    TABLE: pl.Series([table] * len(some), dtype=pl.String),
                    TIMESTAMP: _timestamps(some),
                    NEWEST: newest,
                    AS_OF: some.astype(np.float64),
                }
            )
        )
    return pl.concat(frames)


def _write(folder: Path, view: str, rows: pl.DataFrame, moments: NDArray[np.int64]) -> None:
    target = folder / view
    target.mkdir(parents=True, exist_ok=True)
    partial = target / "partial"
    rows.write_parquet(partial)
    partial.replace(target / f"{_stamp(moments[0])}_{_stamp(moments[-1])}.parquet")


def _names(entities: pl.Series) -> Sequence[str]:
    names: list[str] = entities.drop_nulls().unique().sort().to_list()
    return [name for name in names if name]


def _timestamps(seconds: NDArray[np.int64]) -> pl.Series:
    return pl.Series(seconds * 1_000_000).cast(pl.Datetime("us", "UTC"))


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(float(seconds), UTC):%Y%m%dT%H%M%SZ}"


def _seconds(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").timestamp())
