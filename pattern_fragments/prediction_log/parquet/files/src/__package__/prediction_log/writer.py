"""Holds rows until they are enough for a file, and writes them beside the answers."""

import logging
import math
import threading
import time
from collections.abc import Mapping

import polars as pl

from ..gauges import Labels
from ..object_store import ERRORS
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


class Writer:
    """Adds rows to a store, `flush_s` after they came in at the latest.

    That much is lost with a process that is killed. What cannot be written is kept, up to a bound,
    and tried again. `what` is lost, and told of as such in the logs of the service.
    """

    def __init__(self, what: str, where: str, store: Store, flush_s: float) -> None:
        self._what = what
        self._where = where
        self._store = store
        self._flush_s = flush_s
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self.written = 0
        """Rows in the store."""
        self.dropped = 0
        """Rows that are lost."""
        self.newest: Mapping[Labels, float] = {}
        """When rows were last written, in seconds since 1970 UTC; empty before."""
        self._held_since: float | None = None
        self._retry_at = 0.0
        self._quiet_until: dict[str, float] = {}
        self._holding = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Hold rows; write when they have become enough for a file."""
        with self._holding:
            self._hold([*self._held, rows])
            if len(rows) and self._held_since is None:
                self._held_since = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._what, daemon=True)
            self._thread.start()
        if self._held_rows >= ROWS_PER_FILE:
            self._flush()

    def overdue_s(self) -> float:
        """For so long rows should have been written that are not; or 0."""
        since = self._held_since
        return 0.0 if since is None else max(0.0, time.monotonic() - since - self._flush_s)

    def close(self) -> None:
        """Write what is held; what cannot be written now is lost, and counted."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._retry_at = 0.0
        self._flush()
        if self._held_rows:
            self.dropped += self._held_rows
            logger.warning("%d %s were not logged: the service ends", self._held_rows, self._what)
            self._held, self._held_rows, self._held_since = [], 0, None

    def _run(self) -> None:
        while not self._ended.wait(min(self._flush_s, self._retry_in_s())):
            self._flush()
            self._tidy()

    def _retry_in_s(self) -> float:
        """Until what could not be written is tried again; endless if there is nothing such."""
        return self._retry_at - time.monotonic() if self._retry_at else math.inf

    def _hold(self, rows: list[pl.DataFrame]) -> None:
        """Hold these; the oldest of too many are lost."""
        self._held_rows = sum(len(some) for some in rows)
        while self._held_rows > MOST_ROWS_HELD:
            lost = len(rows.pop(0))
            self._held_rows -= lost
            self.dropped += lost
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
                self.written += rows
                self.newest = {(): time.time()}
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
            logger.warning(
                "the log of %s at %s cannot be %s: %s", self._what, self._where, done, reason
            )
