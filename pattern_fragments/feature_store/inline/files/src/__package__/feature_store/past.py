"""Entity features as they were known at one moment, for a job that scores for that moment."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..domain import data
from ..feature_matrix import ENTITIES, LONGEST_WINDOW, check_features, feature_matrix
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..settings import Settings
from ..signature import Signature
from .offline import snapshot_of
from .snapshot import FILE_NAME, Snapshot, snapshot_path


def snapshot_at(settings: Settings, folder: Path, moment: datetime) -> Settings:
    """Write what was known of every entity at `moment` into `folder`; the settings to read it from.

    A snapshot that the settings name is copied instead. One that lies there already stays: whoever
    goes on with a job goes on with its features.
    Raises ValueError when a table that the features need holds no event until then, or when the
    snapshot that the settings name is none of these features; nothing is written then.
    """
    if not ENTITIES:
        return settings
    path = folder / FILE_NAME
    if not path.exists():
        signature = ModelFolder(settings.model_dir).read_signature()
        if settings.snapshot_path is None:
            events = data.events(moment - LONGEST_WINDOW, moment + timedelta(seconds=1))
            snapshot = snapshot_of(events, signature.inputs, moment)
        else:
            snapshot = Snapshot.read(settings.snapshot_path)
            snapshot.tables(signature.inputs)
        snapshot.write(path)
    return settings.model_copy(update={"snapshot_path": path})


class PastFeatureSource:
    """Features from a snapshot that does not change any more.

    Raises ValueError when the code defines other features than the model was trained on.
    """

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        check_features(signature)
        if ENTITIES:
            self._snapshot = Snapshot.read(snapshot_path(folder, settings))
            gauges.append(
                Gauge(
                    "feature_age_seconds",
                    "From the newest event of the event table that is furthest behind to the moment"
                    " that the features are of",
                    lambda: self._snapshot.as_of - self.as_of(),
                )
            )
        else:
            self._snapshot = Snapshot(time.time(), {}, {})
        self._tables = self._snapshot.tables(signature.inputs)

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""
        return feature_matrix(
            columns,
            {entity: table.take(columns[entity], 0) for entity, table in self._tables.items()},
        )

    def as_of(self) -> float:
        """Up to when all data behind the features is known, in seconds since 1970 UTC."""
        return self._snapshot.data_as_of
