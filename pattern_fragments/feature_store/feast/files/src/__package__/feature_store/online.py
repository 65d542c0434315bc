"""Entity features as they are: the online store's rows in memory, read again in the background."""

import logging
import threading
import time

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..feature_matrix import ENTITIES, check_features, feature_matrix
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..settings import Settings
from ..signature import Signature
from .readers import SqliteReader, reader_of
from .tables import ONLINE_FILE, FeatureTables, read_tables
from .versions import check_feature_service

logger = logging.getLogger(__name__)

COMPLAIN_EVERY_S = 60.0
"""A store that is away is logged at once, and then so often."""


class OnlineFeatures:
    """Features without a call to anywhere: a request costs an array lookup per entity.

    The rows of all entities that the model knows are read again in a thread of its own, while
    requests are answered from those of before. They stay when the store is away; at the start,
    when it cannot be read, those that training left beside the model stand in.
    Raises ValueError when the model was trained on other features than the code defines.
    """

    def __init__(
        self, signature: Signature, folder: ModelFolder, settings: Settings, gauges: list[Gauge]
    ) -> None:
        check_features(signature)
        check_feature_service(folder)
        self._inputs = signature.inputs
        own = folder.path / ONLINE_FILE
        self._reader = reader_of(settings.online_store, own, settings.online_store_timeout_s)
        self._cache_s = settings.feature_cache_s
        self._reading = threading.Lock()
        self._next_complaint = 0.0
        self._read_at = self._next_read = time.monotonic()
        self._tables = FeatureTables(time.time(), {}, {})
        if ENTITIES:
            self._start(SqliteReader(own))
            self._add_gauges(gauges)

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""
        self._read_when_due()
        tables = self._tables.tables
        return feature_matrix(
            columns, {entity: table.take(columns[entity], 0) for entity, table in tables.items()}
        )

    def as_of(self) -> float:
        """Up to when all data behind the features is known, in seconds since 1970 UTC."""
        self._read_when_due()
        return self._tables.data_as_of

    def _start(self, own: SqliteReader) -> None:
        self._reading.acquire()
        self._read()
        if not self._tables.tables:
            self._tables = read_tables(own, self._inputs)
            logger.warning(
                "the features that training left stand in", extra={"as_of": self._tables.as_of}
            )

    def _read_when_due(self) -> None:
        due = ENTITIES and time.monotonic() >= self._next_read
        if due and self._reading.acquire(blocking=False):
            threading.Thread(target=self._read, name="features", daemon=True).start()

    def _read(self) -> None:
        try:
            self._tables = read_tables(self._reader, self._inputs)
            self._read_at = time.monotonic()
            if self._next_complaint:
                logger.info("features are read again", extra={"as_of": self._tables.as_of})
            self._next_complaint = 0.0
        except (OSError, ValueError) as error:
            if time.monotonic() >= self._next_complaint:
                self._next_complaint = time.monotonic() + COMPLAIN_EVERY_S
                logger.warning("the features stay as they were: %s", error)
        finally:
            self._next_read = time.monotonic() + self._cache_s
            self._reading.release()

    def _add_gauges(self, gauges: list[Gauge]) -> None:
        gauges.append(
            Gauge(
                "feature_age_seconds",
                "Time since the newest event of the event table that is furthest behind",
                lambda: time.time() - self.as_of(),
            )
        )
        gauges.append(
            Gauge(
                "feature_store_unread_seconds",
                "Time since the online store was last read",
                lambda: {(str(self._reader),): time.monotonic() - self._read_at},
                labels=("store",),
            )
        )
