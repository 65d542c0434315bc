"""Shows the candidate what callers ask, after they have their answers, and logs what it says."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN
from ..deferred import Batch
from ..gauges import Gauge, Labels
from ..prediction_log.rows import Rows, is_sampled
from ..prediction_log.store import Store
from ..prediction_log.writer import Writer
from ..settings import Settings
from ..signature import Signature
from .asked import Asked
from .candidate import Candidate, RefusedError

logger = logging.getLogger(__name__)

ROWS_PER_REQUEST = 500
MOST_ROWS = 20_000
"""So many rows wait for the candidate at most; further ones are dropped."""

PAUSE_S = 1.0
"""After a failure nothing is asked for so long."""

QUIET_S = 60.0
"""A failing candidate is logged at most once in this many seconds."""

MOST_VERSIONS = 20
"""Versions of the candidate that are told apart; a process sees no more of them."""


class Mirror:
    """A bulk observer with a thread of its own, so that a slow candidate delays no other observer.

    It holds a bounded number of rows, and drops what comes when they are all taken. Whatever the
    candidate does, it costs rows of the comparison and nothing else. Without `shadow_url` it does
    nothing. `headers` go along with what the candidate is asked.
    """

    def __init__(
        self,
        signature: Signature,
        settings: Settings,
        gauges: list[Gauge],
        headers: Mapping[str, str],
    ) -> None:
        self._candidate = (
            Candidate(settings.shadow_url, signature, settings.shadow_timeout_s, headers)
            if settings.shadow_url
            else None
        )
        self._categories = [one.name for one in signature.inputs if one.type == "category"]
        # Whoever is in the smaller sample is in the larger one, too.
        self._share = min(settings.shadow_share, settings.prediction_log_share)
        self._timeout_s = settings.shadow_timeout_s
        self._tolerance = settings.shadow_tolerance
        # What the candidate makes of the inputs, it keeps to itself.
        self._log_rows = Rows(msgspec.structs.replace(signature, features=()))
        self._log = _writer(settings)
        self._waiting: deque[tuple[float, Asked]] = deque()
        self._rows = 0
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._results: Counter[Labels] = Counter()
        self._compared: Counter[Labels] = Counter()
        self._differing: Counter[Labels] = Counter()
        self._asking_s = 0.0
        gauges += self._gauges(settings)

    def observe(self, batch: Batch) -> None:
        """Keep the sample of a batch for the candidate, as far as there is room."""
        if self._candidate is None or not len(batch):
            return
        asked = Asked.of(batch)
        if self._share < 1:
            asked = asked.where(np.array([is_sampled(one, self._share) for one in asked.ids]))
        known = asked.where(self._is_known(asked))
        self._results["unknown_category",] += len(asked) - len(known)
        with self._changed:
            kept = known.first(MOST_ROWS - self._rows)
            self._results["dropped",] += len(known) - len(kept)
            if len(kept):
                self._waiting.append((time.monotonic(), kept))
                self._rows += len(kept)
                self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ask for what waits, but no longer than one request may take; the rest is dropped."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._candidate is not None and self._thread is not None:
            self._thread.join(self._timeout_s)
            self._candidate.abort()
            self._thread.join(PAUSE_S)
            self._candidate.close()
        self._results["dropped",] += self._rows
        self._log.close()

    def _is_known(self, asked: Asked) -> NDArray[np.bool_]:
        """Of a category that this model does not know its code alone was kept."""
        known = np.ones(len(asked), np.bool_)
        for name in self._categories:
            known &= asked.columns[name] != UNKNOWN
        return known

    def _run(self) -> None:
        give_up_at = float("inf")
        while (asked := self._next()) is not None:
            parts = deque(asked.parts(ROWS_PER_REQUEST))
            while parts:
                part = parts.popleft()
                if self._ended:
                    give_up_at = min(give_up_at, time.monotonic() + self._timeout_s)
                if time.monotonic() >= give_up_at:
                    self._results["dropped",] += len(part)
                elif halves := self._ask(part):
                    parts.extendleft(reversed(halves))
                    continue
                with self._changed:
                    self._rows -= len(part)
            with self._changed:
                self._waiting.popleft()

    def _next(self) -> Asked | None:
        """The rows that have waited longest; None when the service ends and none waits."""
        with self._changed:
            while not self._waiting:
                if self._ended:
                    return None
                self._changed.wait()
            return self._waiting[0][1]

    def _ask(self, asked: Asked) -> list[Asked]:
        """Ask; of rows that are refused together the halves that are to be asked instead.

        So a row that the candidate refuses costs no other one its comparison.
        """
        assert self._candidate is not None  # noqa: S101 - there is no thread without it
        started = time.monotonic()
        try:
            version, predictions = self._candidate.ask(asked.columns, len(asked))
        except RefusedError as error:
            if len(asked) > 1:
                return list(asked.parts((len(asked) + 1) // 2))
            self._results["refused",] += 1
            self._tell(error)
            return []
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the thread
            self._results["failed",] += len(asked)
            self._tell(error)
            with self._changed:
                self._changed.wait_for(lambda: self._ended, PAUSE_S)
            return []
        finally:
            self._asking_s += time.monotonic() - started
        self._results["answered",] += len(asked)
        self._compare(version, asked.champion, predictions)
        self._log.add(
            self._log_rows.of(
                asked.ids,
                asked.times,
                [version] * len(asked),
                predictions,
                asked.columns,
                np.empty((len(asked), 0), np.float32),
            )
        )
        return []

    def _compare(
        self, version: str, champion: NDArray[np.float32], candidate: NDArray[np.float32]
    ) -> None:
        if (version,) in self._compared or len(self._compared) < MOST_VERSIONS:
            differ = int(np.sum(np.abs(candidate - champion) > self._tolerance))
            self._compared[version,] += len(champion)
            self._differing[version,] += differ

    def _tell(self, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            logger.warning("the candidate gave no answer: %s", error)

    def _lag_s(self) -> float:
        with self._changed:
            return time.monotonic() - self._waiting[0][0] if self._waiting else 0.0

    def _gauges(self, settings: Settings) -> list[Gauge]:
        return [
            Gauge(
                "shadow_rows_total",
                "Rows for the candidate by what became of them",
                lambda: dict(self._results),
                total=True,
                labels=("result",),
            ),
            Gauge(
                "shadow_compared_rows_total",
                "Rows that champion and candidate have predicted",
                lambda: dict(self._compared),
                total=True,
                labels=("candidate",),
            ),
            Gauge(
                "shadow_differing_rows_total",
                "Of those compared, rows whose predictions differ by more than the tolerance",
                lambda: dict(self._differing),
                total=True,
                labels=("candidate",),
            ),
            Gauge(
                "shadow_asking_seconds_total",
                "Time for which the candidate was waited for",
                lambda: self._asking_s,
                total=True,
            ),
            Gauge(
                "shadow_lag_seconds",
                "For so long the oldest row has waited for the candidate",
                self._lag_s,
            ),
            Gauge(
                "shadow_unlogged_rows_total",
                "Answers of the candidate that are lost because its log could not be written",
                lambda: self._log.dropped,
                total=True,
            ),
            Gauge(
                "shadow_log_overdue_seconds",
                "For so long answers of the candidate should have been logged that are not",
                self._log.overdue_s,
            ),
            Gauge(
                "shadow_differing_share_limit",
                "The share of differing rows from which a candidate is not fit to be promoted",
                lambda: settings.shadow_max_differing_share,
            ),
        ]


def _writer(settings: Settings) -> Writer:
    store = Store(
        settings.shadow_log,
        settings.prediction_log_keep_days,
        settings.prediction_log_max_mb * 1_000_000,
        "SERVICE_SHADOW_LOG",
    )
    flush_s = settings.prediction_log_flush_s
    return Writer("answers of the candidate", settings.shadow_log, store, flush_s)
