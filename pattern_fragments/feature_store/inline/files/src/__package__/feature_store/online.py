"""Entity features as they are: looked up in a snapshot, which is reloaded when it changes."""

import logging
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..feature_matrix import ENTITIES, check_features, feature_matrix
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..settings import Settings
from ..signature import Signature
from .snapshot import Snapshot, snapshot_path

logger = logging.getLogger(__name__)


class _Loaded(NamedTuple):
    """A snapshot in memory; replaced as a whole, so a reader needs no lock."""

    modified_ns: int
    as_of: float
    tables: Mapping[str, NDArray[np.float32]]


class InlineFeatureSource:
    """Features without a call to anywhere: a request costs an array lookup per entity.

    A newer snapshot is read in a thread of its own while requests are answered from the old one.
    Raises ValueError when the code defines other features than the model was trained on.
    """

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        check_features(signature)
        self._inputs = signature.inputs
        self._path = snapshot_path(folder, settings)
        self._reload_s = settings.snapshot_reload_s
        self._next_look = time.monotonic() + self._reload_s
        self._reloading = threading.Lock()
        self._loaded = self._load()
        if ENTITIES:
            gauges.append(
                Gauge(
                    "feature_age_seconds",
                    "Time since the newest event of the event table that is furthest behind",
                    lambda: time.time() - self.as_of(),
                )
            )

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""
        self._reload_when_due()
        tables = self._loaded.tables
        return feature_matrix(
            columns, {entity: table.take(columns[entity], 0) for entity, table in tables.items()}
        )

    def as_of(self) -> float:
        """Up to when all data behind the features is known, in seconds since 1970 UTC."""
        self._reload_when_due()
        return self._loaded.as_of

    def _reload_when_due(self) -> None:
        now = time.monotonic()
        if not ENTITIES or now < self._next_look or not self._reloading.acquire(blocking=False):
            return
        self._next_look = now + self._reload_s
        threading.Thread(target=self._reload, name="snapshot", daemon=True).start()

    def _reload(self) -> None:
        try:
            if self._path.stat().st_mtime_ns != self._loaded.modified_ns:
                self._loaded = self._load()
                logger.info("snapshot loaded", extra={"as_of": self._loaded.as_of})
        except (OSError, ValueError):
            logger.warning("the new snapshot cannot be used, the old one stays", exc_info=True)
        finally:
            self._reloading.release()

    def _load(self) -> _Loaded:
        if not ENTITIES:
            return _Loaded(0, time.time(), {})
        modified_ns = self._path.stat().st_mtime_ns
        snapshot = Snapshot.read(self._path)
        return _Loaded(modified_ns, snapshot.data_as_of, snapshot.tables(self._inputs))
