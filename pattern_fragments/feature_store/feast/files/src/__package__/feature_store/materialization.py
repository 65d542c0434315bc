"""From the offline store to the online store: the newest row of every entity."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from ..feature_matrix import ENTITIES
from .feast import FeatureStore
from .grid import write_rows
from .repository import feature_store, in_sqlite
from .versions import freshness_view, view_of
from .windows import Events


def write_online_file(path: Path, events: Events, moment: int) -> None:
    """Write the features of one moment into a new online store in a file.

    The file is there as a whole or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        folder = Path(scratch)
        online = folder / path.name
        write_rows(folder, events, moment, moment)
        with feature_store(folder, in_sqlite(online)) as store:
            materialize(store, moment, moment)
        online.replace(path)


def materialize(store: FeatureStore, start: int, end: int) -> None:
    """Write the newest rows from `start` to `end` of all views into the online store.

    Freshness comes last: until it is written, readers hold to the moment before, and whoever goes
    on after a crash starts from there.
    """
    since, until = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
    if views := [view_of(entity) for entity in ENTITIES]:
        store.materialize(since, until, feature_views=views)
        store.materialize(since, until, feature_views=[freshness_view()])
