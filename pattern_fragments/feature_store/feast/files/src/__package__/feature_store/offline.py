"""Entity features as they were: training sets from Feast's offline store."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..feature_definition import EntityFeature
from ..feature_matrix import ENTITIES, LONGEST_WINDOW
from ..signature import Input
from .grid import TIMESTAMP, moment_before, newest_events, write_rows
from .tables import ONLINE_FILE, of_nothing
from .versions import view_of, write_feature_service
from .windows import Events

CHUNK_S = 14 * 24 * 3600
"""So much time is joined at once: the join compares each row with all rows of its entity."""


def point_in_time(
    events: Events, inputs: Sequence[Input], columns: Columns, cuts: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """The features of each entity for n rows, float32[n, k].

    Each row has those of the last moment of the grid until its own cut. `cuts` is int64[n], in
    seconds since 1970 UTC.
    """
    known = {column.name: column.categories for column in inputs}
    tables = {
        entity: np.tile(of_nothing(features), (len(cuts), 1))
        for entity, features in ENTITIES.items()
    }
    for chunk in np.unique(cuts // CHUNK_S) if ENTITIES else ():
        rows = np.flatnonzero(cuts // CHUNK_S == chunk)
        asked = pl.DataFrame(
            {
                "row": rows,
                TIMESTAMP: pl.Series(cuts[rows] * 1_000_000).cast(pl.Datetime("us", "UTC")),
                **{entity: _names(known[entity], columns[entity][rows]) for entity in ENTITIES},
            }
        )
        found = _joined(events, asked, cuts[rows])
        for entity, features in ENTITIES.items():
            tables[entity][rows] = _filled(found, features)
    return tables


def publish(
    folder: Path, _inputs: Sequence[Input], events: Events, as_of: datetime | None = None
) -> None:
    """Write the online features that serving can start from into a new model folder.

    They are those of all entities, also of the ones that this model does not know. Without `as_of`
    they are of the moment at which the first of the tables ends: later, its windows could be empty.
    Raises ValueError when a table holds no event until then.
    """
    write_feature_service(folder)
    if ENTITIES:
        now = min(newest_events(events).values()) if as_of is None else as_of.timestamp()
        moment = moment_before(now)
        newest_events(events, moment)
        from .materialization import write_online_file  # when it is needed: it loads Feast

        write_online_file(folder / ONLINE_FILE, events, moment)


def _joined(events: Events, asked: pl.DataFrame, cuts: NDArray[np.int64]) -> pl.DataFrame:
    """The rows that were asked for, with the features of all entities, in the same order."""
    from .repository import feature_store, in_sqlite  # when it is needed: it loads Feast

    first, last = moment_before(cuts.min()), moment_before(cuts.max())
    references = [f"{view_of(e)}:{feature.name}" for e in ENTITIES for feature in ENTITIES[e]]
    with tempfile.TemporaryDirectory(prefix="features-") as scratch:
        folder = Path(scratch)
        write_rows(folder, _within_reach(events, first, last), first, last)
        with feature_store(folder, in_sqlite(folder / ONLINE_FILE)) as store:
            job = store.get_historical_features(asked.to_pandas(), references)
            return pl.DataFrame(job.to_arrow()).sort("row")


def _within_reach(events: Events, first: int, last: int) -> Events:
    """The events that features of moments from `first` to `last` can count."""
    start = datetime.fromtimestamp(first, UTC) - LONGEST_WINDOW
    end = datetime.fromtimestamp(last, UTC)
    return {
        table: frame.filter(pl.col("available_at").is_between(start, end, closed="right"))
        for table, frame in events.items()
    }


def _names(known: Sequence[str], codes: NDArray[np.int64]) -> pl.Series:
    """The names of entities; that of an unknown one is empty, which is nobody's."""
    names = pl.Series([*known, ""], dtype=pl.String)
    return names.gather(np.where(codes == UNKNOWN, len(known), codes))


def _filled(found: pl.DataFrame, features: Sequence[EntityFeature]) -> NDArray[np.float32]:
    return np.column_stack(
        [
            found[feature.name].fill_null(nothing).to_numpy()
            for feature, nothing in zip(features, of_nothing(features).tolist(), strict=True)
        ]
    )
