"""The entity features of an online store in memory: a table of each entity, by its code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..feature_definition import EntityFeature
from ..feature_matrix import ENTITIES
from ..signature import Input
from .readers import Reader
from .versions import (
    AS_OF,
    INTERVAL,
    NEWEST,
    TABLE,
    event_tables,
    feature_service,
    freshness_view,
    view_of,
)

ONLINE_FILE = "features.db"
"""The online store that training writes into the model folder."""


@dataclass(frozen=True)
class FeatureTables:
    """What was known of every entity at `as_of`; times are seconds since 1970 UTC."""

    as_of: float
    newest: Mapping[str, float]
    """When the newest event of each of the domain's tables became known."""
    tables: Mapping[str, NDArray[np.float32]]
    """float32[categories + 1, k] by entity; the last row is that of an unknown one."""

    @property
    def data_as_of(self) -> float:
        """Up to when every table is known: the newest event of the one furthest behind."""
        return min(self.newest.values(), default=self.as_of)


@dataclass(frozen=True)
class Freshness:
    """Up to when an online store is complete."""

    as_of: float
    newest: Mapping[str, float]


def read_freshness(reader: Reader) -> Freshness | None:
    """Up to when a store is complete; None when it holds no features of this version.

    Raises StoreAwayError.
    """
    rows = reader.read(freshness_view(), TABLE, event_tables(), (NEWEST, AS_OF))
    if set(rows) != set(event_tables()):
        return None
    # Of tables that are being written, the one that still lacks the new row says what holds.
    as_of = min(moment for _, moment in rows.values())
    return Freshness(as_of, {table: newest for table, (newest, _) in rows.items()})


def read_tables(reader: Reader, inputs: Sequence[Input]) -> FeatureTables:
    """The features of all entities that the model knows.

    Raises StoreAwayError, or ValueError when the store holds no features of this version.
    """
    # Freshness is written last and read first: what it says holds for all that is read after it.
    freshness = read_freshness(reader)
    if freshness is None:
        raise ValueError(
            f"{reader} holds no features of version {feature_service().version} of the feature"
            " service: run `python -m __package__.materialize`"
        )
    tables = {
        column.name: _table(reader, column, freshness.as_of - INTERVAL)
        for column in inputs
        if column.name in ENTITIES
    }
    return FeatureTables(freshness.as_of, freshness.newest, tables)


def of_nothing(features: Sequence[EntityFeature]) -> NDArray[np.float32]:
    """The features of an entity without a row, float32[k]: those of one without an event.

    `mean` and `last` are NaN, `count` is 0.
    """
    counts = [feature.statistic == "count" for feature in features]
    return np.where(counts, np.float32(0), np.float32(np.nan)).astype(np.float32)


def _table(reader: Reader, column: Input, oldest: float) -> NDArray[np.float32]:
    """An older row is of an entity of which nothing was heard in the longest window: it is gone."""
    features = ENTITIES[column.name]
    names = [*(feature.name for feature in features), AS_OF]
    rows = reader.read(view_of(column.name), column.name, column.categories, names)
    table = np.tile(of_nothing(features), (len(column.categories) + 1, 1))
    for code, category in enumerate(column.categories):
        *values, as_of = rows.get(category, (np.nan,))
        if as_of >= oldest:
            table[code] = values
    return table
