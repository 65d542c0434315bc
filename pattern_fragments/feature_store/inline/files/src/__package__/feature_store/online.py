"""Entity features as they are: looked up in a snapshot, which is reloaded when it changes."""

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..feature_matrix import feature_matrix, feature_names
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..settings import Settings
from ..signature import Signature
from .snapshot import FILE_NAME, Snapshot

logger = logging.getLogger(__name__)


class InlineFeatureSource:
    """Features without a call to anywhere: a request costs an array lookup per entity.

    Raises ValueError when the code defines other features than the model was trained on.
    """

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        if feature_names(signature.inputs) != signature.features:
            raise ValueError(
                f"{folder.signature} names other features than the code defines: train again"
            )
        self._inputs = signature.inputs
        self._path = snapshot_path(folder, settings)
        self._reload_s = settings.snapshot_reload_s
        self._next_look = time.monotonic() + self._reload_s
        self._load()
        gauges.append(
            Gauge(
                "feature_age_seconds",
                "Time since the newest data behind the entity features became known",
                lambda: time.time() - self.as_of(),
            )
        )

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""
        self._reload_when_due()
        return feature_matrix(
            columns,
            {entity: table.take(columns[entity], 0) for entity, table in self._tables.items()},
        )

    def as_of(self) -> float:
        """When the newest data behind the features became known, in seconds since 1970 UTC."""
        self._reload_when_due()
        return self._as_of

    def _reload_when_due(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self._reload_s
        try:
            if self._path.stat().st_mtime_ns != self._loaded:
                self._load()
                logger.info("snapshot loaded", extra={"as_of": self._as_of})
        except (OSError, ValueError):
            logger.warning("the new snapshot cannot be used, the old one stays", exc_info=True)

    def _load(self) -> None:
        loaded = self._path.stat().st_mtime_ns
        snapshot = Snapshot.read(self._path)
        self._tables = snapshot.tables(self._inputs)
        self._as_of = snapshot.as_of
        self._loaded = loaded


def snapshot_path(folder: ModelFolder, settings: Settings) -> Path:
    """Where the snapshot lies: in the model folder, unless the settings say otherwise."""
    return settings.snapshot_path or folder.path / FILE_NAME
