"""Entity features as they were: what was known at each row's cut, and nothing later.

One function makes training sets (one cut per row) and snapshots (one cut for all entities), so the
two cannot differ.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns
from ..feature_definition import EntityFeature
from ..feature_matrix import ENTITIES
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
    """Write the snapshot that serving starts from into a new model folder."""
    snapshot_of(events, inputs, as_of).write(folder / FILE_NAME)


def snapshot_of(events: Events, inputs: Sequence[Input], as_of: datetime | None = None) -> Snapshot:
    """The features of every known entity at `as_of`, or when the newest event became available."""
    moment = _newest(events) if as_of is None else int(as_of.timestamp())
    entities = {}
    for column in inputs:
        if column.name not in ENTITIES:
            continue
        features = ENTITIES[column.name]
        codes = np.arange(len(column.categories) + 1)
        cuts = np.full(len(codes), moment)
        values = history_of(features, events, column.categories, codes, cuts)
        *known, unknown = (tuple(row) for row in values.tolist())
        entities[column.name] = EntityRows(
            tuple(feature.name for feature in features),
            dict(zip(column.categories, known, strict=True)),
            unknown,
        )
    return Snapshot(moment, entities)


def history_of(
    features: Sequence[EntityFeature],
    events: Events,
    categories: Sequence[str],
    codes: NDArray[np.int64],
    cuts: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The features of one kind of entity, float32[n, len(features)].

    Row i is about categories[codes[i]] as of cuts[i]; a code beyond the categories is an entity
    that training has not seen, and has no history.
    """
    matrix = np.empty((len(codes), len(features)), np.float32)
    for position, feature in enumerate(features):
        history = _History(events[feature.events], feature, categories)
        matrix[:, position] = history.as_of(codes, cuts)
    return matrix


class _History:
    """The events behind one feature, sorted by entity and then by when they became available."""

    def __init__(
        self, events: pl.DataFrame, feature: EntityFeature, categories: Sequence[str]
    ) -> None:
        codes = {category: code for code, category in enumerate(categories)}
        known = events.select(
            code=pl.col(feature.entity).replace_strict(codes, default=None, return_dtype=pl.Int64),
            available_at=pl.col("available_at").dt.epoch("s"),
            value=pl.col(feature.value).cast(pl.Float64),
        ).drop_nulls()
        keys = _keys(known["code"].to_numpy(), known["available_at"].to_numpy())
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._values = known["value"].to_numpy()[order]
        self._sums = np.concatenate(([0.0], np.cumsum(self._values)))
        self._feature = feature

    def as_of(self, codes: NDArray[np.int64], cuts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The feature of n rows, float64[n]."""
        first = np.searchsorted(self._keys, _keys(codes, cuts - self._feature.window), "right")
        stop = np.searchsorted(self._keys, _keys(codes, cuts), "right")
        count = stop - first
        if self._feature.statistic == "count":
            return count.astype(np.float64)
        if self._feature.statistic == "last":
            newest = np.append(self._values, np.nan)[stop - 1]
            return np.where(count > 0, newest, np.nan)
        total = self._sums[stop] - self._sums[first]
        mean: NDArray[np.float64] = np.full(len(count), np.nan)
        np.divide(total, count, out=mean, where=count > 0)
        return mean


def _newest(events: Events) -> int:
    """When the newest event became available, in seconds since 1970 UTC."""
    times = (frame["available_at"].dt.epoch("s").to_numpy() for frame in events.values())
    return int(max(column.max(initial=0) for column in times))


def _keys(codes: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    return (codes << TIME_BITS) + times
