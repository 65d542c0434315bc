"""Writes what was predicted into the log, in files of many rows."""

import logging
import math
import threading
import time

import polars as pl

from ..deferred import Batch
from ..gauges import Gauge, Labels
from ..object_store import ERRORS
from ..settings import Settings
from ..signature import Signature
from .rows import Rows, is_sampled
from .store import Store

logger = logging.getLogger(__name__)

ROWS_PER_FILE = 50_000
"""So many rows are written without waiting for the time."""

MOST_ROWS_HELD = 200_000
"""While the log cannot be written so many rows are kept for later; of more, the oldest are lost."""

RETRY_S = 30.0
"""After a failure nothing is written for so long."""

QUIET_S = 300.0
"""A log that cannot be written, or tidied up, is told of at most once in so many seconds."""


class PredictionLog:
    """A bulk observer that writes a sample of the predictions.

    Rows are held for `prediction_log_flush_s` at most, after they have waited up to
    `deferred.EVERY_S` to be observed: that much is lost with a process that is killed. What cannot
    be written is kept, up to a bound, and tried again.
    """

    def __init__(self, signature: Signature, settings: Settings, gauges: list[Gauge]) -> None:
        self._rows = Rows(signature)
        self._store = Store(
            settings.prediction_log,
            settings.prediction_log_keep_days,
            settings.prediction_log_max_mb * 1_000_000,
        )
        self._where = settings.prediction_log
        self._share = settings.prediction_log_share
        self._flush_s = settings.prediction_log_flush_s
        self._held: list[pl.DataFrame] = []
        self._held_rows = self._written = self._dropped = 0
        self._newest: dict[Labels, float] = {}
        self._held_since: float | None = None
        self._retry_at = 0.0
        self._quiet_until: dict[str, float] = {}
        self._holding = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        gauges += (
            Gauge(
                "prediction_log_rows_total",
                "Rows that were written into the prediction log",
                lambda: self._written,
                total=True,
            ),
            Gauge(
                "prediction_log_dropped_rows_total",
                "Rows that are lost because the prediction log could not be written",
                lambda: self._dropped,
                total=True,
            ),
            Gauge(
                "prediction_log_newest_timestamp_seconds",
                "When the prediction log was last written, in seconds since 1970 UTC",
                lambda: self._newest,
            ),
            Gauge(
                "prediction_log_overdue_seconds",
                "For so long rows should have been in the prediction log that are not; or 0",
                self._overdue_s,
            ),
        )

    def observe(self, batch: Batch) -> None:
        """Take the sample of a batch; write when it has become enough for a file."""
        if not len(batch):
            return
        rows = self._rows.of(
            batch.ids,
            batch.times,
            batch.versions,
            batch.predictions,
            batch.columns,
            batch.features,
        )
        if self._share < 1:
            rows = rows.filter([is_sampled(identity, self._share) for identity in batch.ids])
        with self._holding:
            self._hold([*self._held, rows])
            if len(rows) and self._held_since is None:
                self._held_since = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
            self._thread.start()
        if self._held_rows >= ROWS_PER_FILE:
            self._flush()

    def close(self) -> None:
        """Write what is held; what cannot be written now is lost, and counted."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._retry_at = 0.0
        self._flush()
        if self._held_rows:
            self._dropped += self._held_rows
            logger.warning("%d predictions were not logged: the service ends", self._held_rows)
            self._held, self._held_rows, self._held_since = [], 0, None

    def _run(self) -> None:
        while not self._ended.wait(min(self._flush_s, self._retry_in_s())):
            self._flush()

    def _retry_in_s(self) -> float:
        """Until what could not be written is tried again; endless if there is nothing such."""
        return self._retry_at - time.monotonic() if self._retry_at else math.inf

    def _overdue_s(self) -> float:
        since = self._held_since
        return 0.0 if since is None else max(0.0, time.monotonic() - since - self._flush_s)

    def _hold(self, rows: list[pl.DataFrame]) -> None:
        """Hold these; the oldest of too many are lost."""
        self._held_rows = sum(len(some) for some in rows)
        while self._held_rows > MOST_ROWS_HELD:
            lost = len(rows.pop(0))
            self._held_rows -= lost
            self._dropped += lost
        self._held = rows

    def _flush(self) -> None:
        with self._writing:
            if time.monotonic() < self._retry_at:
                return
            self._retry_at = 0.0
            with self._holding:
                held, self._held, self._held_rows = self._held, [], 0
                taken_at = time.monotonic()
            rows = sum(len(some) for some in held)
            if not rows:
                return
            try:
                self._store.write(pl.concat(held))
            except ERRORS as error:
                self._retry_at = time.monotonic() + RETRY_S
                with self._holding:
                    self._hold([*held, *self._held])
                    if not self._held_rows:
                        self._held_since = None
                self._tell("written", error)
            else:
                with self._holding:
                    self._held_since = taken_at if self._held_rows else None
                self._written += rows
                self._newest = {(): time.time()}
                self._tidy()

    def _tidy(self) -> None:
        try:
            self._store.tidy()
        except OSError as error:
            self._tell("tidied up", error)

    def _tell(self, done: str, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._quiet_until.get(done, 0.0):
            self._quiet_until[done] = now + QUIET_S
            reason = str(error).strip().splitlines()[0]
            logger.warning("the prediction log at %s cannot be %s: %s", self._where, done, reason)
