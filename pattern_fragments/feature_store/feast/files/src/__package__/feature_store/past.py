"""Entity features as they were known at one moment, for a job that scores for that moment."""

import shutil
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
from .grid import moment_before, newest_events
from .readers import SqliteReader
from .tables import ONLINE_FILE, FeatureTables, read_tables
from .versions import INTERVAL, check_feature_service


def snapshot_at(settings: Settings, folder: Path, moment: datetime) -> Settings:
    """Materialise what was known at `moment` into `folder`; the settings to read it from.

    A file that the settings name is copied instead. One that lies there already stays: whoever
    goes on with a job goes on with its features.
    Raises ValueError when a table that the features need holds no event until then, or when the
    file that the settings name holds none of these features; nothing is written then.
    """
    if not ENTITIES:
        return settings
    path = folder / ONLINE_FILE
    if not path.exists():
        model = ModelFolder(settings.model_dir)
        check_feature_service(model)
        if settings.features_file is None:
            _materialize(path, moment)
        else:
            read_tables(SqliteReader(settings.features_file), model.read_signature().inputs)
            _copy(settings.features_file, path)
    return settings.model_copy(update={"features_file": path})


class PastFeatures:
    """Features from a file that does not change any more.

    Raises ValueError when the model was trained on other features than the code defines.
    """

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        check_features(signature)
        check_feature_service(folder)
        self._tables = FeatureTables(time.time(), {}, {})
        if ENTITIES:
            path = settings.features_file or folder.path / ONLINE_FILE
            self._tables = read_tables(SqliteReader(path), signature.inputs)
            gauges.append(
                Gauge(
                    "feature_age_seconds",
                    "From the newest event of the event table that is furthest behind to the moment"
                    " that the features are of",
                    lambda: self._tables.as_of - self.as_of(),
                )
            )

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""
        tables = self._tables.tables
        return feature_matrix(
            columns, {entity: table.take(columns[entity], 0) for entity, table in tables.items()}
        )

    def as_of(self) -> float:
        """Up to when all data behind the features is known, in seconds since 1970 UTC."""
        return self._tables.data_as_of


def _materialize(path: Path, moment: datetime) -> None:
    # Importing Feast takes seconds: only who writes features does, not each worker that reads them.
    from .materialization import write_online_file

    start = moment - LONGEST_WINDOW - timedelta(seconds=INTERVAL)
    events = data.events(start, moment + timedelta(seconds=1))
    last = moment_before(moment.timestamp())
    newest_events(events, last)
    write_online_file(path, events, last)


def _copy(source: Path, path: Path) -> None:
    partial = path.with_name(f".{path.name}")
    shutil.copyfile(source, partial)
    partial.replace(path)
