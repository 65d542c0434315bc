"""Entity features as they were: what was known at each row's cut, and nothing later.

One function makes training sets (one cut per row) and snapshots (one cut for all entities). For the
same cut the two agree; a snapshot that serves later than its cut knows less than training did.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..feature_definition import EntityFeature
from ..feature_matrix import ENTITIES, LONGEST_WINDOW
from ..signature import Input
from .snapshot import FILE_NAME, EntityRows, Snapshot

Events = Mapping[str, pl.DataFrame]
"""The domain's event tables by name."""

TIME_BITS = 40
"""An entity's code and a time share one int64: 40 bits hold 34,000 years of seconds."""


def point_in_time(
    events: Events, inputs: Sequence[Input], columns: Columns, cuts: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """The features of each entity for n rows, float32[n, k], each row as of its own cut.

    `cuts` is int64[n], in seconds since 1970 UTC.
    """
    categories = {column.name: column.categories for column in inputs}
    return {
        entity: history_of(features, events, categories[entity], columns[entity], cuts)
        for entity, features in ENTITIES.items()
    }


def publish(
    folder: Path, inputs: Sequence[Input], events: Events, as_of: datetime | None = None
) -> None:
    """Write the snapshot that serving starts from into a new model folder, if it needs one.

    Without `as_of` it is of the moment at which the first of the tables ends: later, its windows
    could be empty.
    """
    if ENTITIES:
        complete = as_of or datetime.fromtimestamp(min(_newest(events, None).values()), UTC)
        snapshot_of(events, inputs, complete).write(folder / FILE_NAME)


def snapshot_of(events: Events, inputs: Sequence[Input], as_of: datetime | None = None) -> Snapshot:
    """The features of every known entity at `as_of`, or at the end of the events.

    Raises ValueError when a table that the features need holds no event until then.
    """
    as_of = as_of or _end(events)
    newest, moment = _newest(events, as_of), as_of.timestamp()
    entities = {}
    for column in inputs:
        if column.name not in ENTITIES:
            continue
        features = ENTITIES[column.name]
        codes = np.array([*range(len(column.categories)), UNKNOWN])
        cuts = np.full(len(codes), int(moment))
        values = history_of(features, events, column.categories, codes, cuts)
        *known, unknown = (tuple(row) for row in values.tolist())
        entities[column.name] = EntityRows(
            tuple(feature.name for feature in features),
            dict(zip(column.categories, known, strict=True)),
            unknown,
        )
    return Snapshot(moment, newest, entities)


def history_of(
    features: Sequence[EntityFeature],
    events: Events,
    categories: Sequence[str],
    codes: NDArray[np.int64],
    cuts: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The features of one kind of entity, float32[n, len(features)].

    Row i is about categories[codes[i]] as of cuts[i]; an entity that is unknown has no
    history.
    """
    matrix = np.empty((len(codes), len(features)), np.float32)
    histories: dict[tuple[str, str], _History] = {}
    for position, feature in enumerate(features):
        source = (feature.events, feature.value)
        if source not in histories:
            histories[source] = _History(events[feature.events], feature, categories)
        matrix[:, position] = histories[source].as_of(feature, codes, cuts)
    return matrix


class _History:
    """The values of one kind of entity, sorted by entity and then by when they became available."""

    def __init__(
        self, events: pl.DataFrame, feature: EntityFeature, categories: Sequence[str]
    ) -> None:
        codes = {category: code for code, category in enumerate(categories)}
        known = (
            events.select(
                code=pl.col(feature.entity).replace_strict(
                    codes, default=None, return_dtype=pl.Int64
                ),
                available_at=pl.col("available_at").dt.epoch("s"),
                value=pl.col(feature.value).cast(pl.Float64),
            )
            .drop_nulls()
            .filter(pl.col("value").is_finite())
            .sort("code", "available_at", maintain_order=True)
        )
        self._keys = _keys(known["code"].to_numpy(), known["available_at"].to_numpy())
        self._values = known["value"].to_numpy()
        # Each entity has its own sums: the size of one's values cannot cost another precision.
        self._sums = known.select(pl.col("value").cum_sum().over("code")).to_series().to_numpy()

    def as_of(
        self, feature: EntityFeature, codes: NDArray[np.int64], cuts: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The feature of n rows, float64[n]."""
        first = np.searchsorted(self._keys, _keys(codes, cuts - feature.window), "right")
        stop = np.searchsorted(self._keys, _keys(codes, cuts), "right")
        count = stop - first
        if feature.statistic == "count":
            return count.astype(np.float64)
        some = count > 0
        first, newest = first[some], stop[some] - 1
        values: NDArray[np.float64] = np.full(len(count), np.nan)
        if feature.statistic == "last":
            values[some] = self._values[newest]
        else:
            total = self._sums[newest] - self._sums[first] + self._values[first]
            values[some] = total / count[some]
        return values


def _end(events: Events) -> datetime:
    """When the newest event became available.

    Where even that is older than the longest window, the events are a record of the past, and it is
    when the first of the tables ends: later, its windows could be empty.
    """
    ends = [datetime.fromtimestamp(end, UTC) for end in _newest(events, None).values()]
    return min(ends) if max(ends) < datetime.now(UTC) - LONGEST_WINDOW else max(ends)


def _newest(events: Events, as_of: datetime | None) -> dict[str, float]:
    """When the newest event of each table that features need became available, until `as_of`."""
    newest = {}
    for table in sorted({feature.events for features in ENTITIES.values() for feature in features}):
        times = events[table]["available_at"]
        last = (times if as_of is None else times.filter(times <= as_of)).max()
        if not isinstance(last, datetime):
            raise ValueError(f"the table {table} holds no event to compute features from")
        newest[table] = last.timestamp()
    return newest


def _keys(codes: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    return (codes << TIME_BITS) + times
