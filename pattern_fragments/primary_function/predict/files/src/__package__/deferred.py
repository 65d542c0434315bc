"""Observers that work in bulk: beside the answers, in a thread of their own."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextvars import Context, copy_context
from functools import cached_property
from itertools import compress
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .gauges import Gauge
from .observer import Guard, Refused, Scored

logger = logging.getLogger(__name__)

EVERY_S = 5.0
"""So long something may wait to be observed, unless there is much of it."""

PATIENCE_S = 20.0
"""At the end, with an observer that hangs: Kubernetes waits 60 seconds for the whole service."""

MOST_ROWS = 50_000
"""So many rows are held at most, and those of one call beside."""


Found = TypeVar("Found")


class Batch:
    """The n rows of several calls, one after the other; what nobody asks for is not made."""

    def __init__(
        self,
        scored: Sequence[Scored],
        refused: Mapping[str, int],
        dropped: int = 0,
        contexts: Sequence[Context] = (),
    ) -> None:
        self.refused = refused
        """Refusals by reason since the batch before."""
        self.dropped = dropped
        """Rows that were predicted since the batch before, and that nobody can observe."""
        self.calls = scored
        self.contexts = contexts or [copy_context()] * len(scored)
        """That in which each call was answered: it holds what is known of whoever asked."""
        self._rows = [len(one.predictions) for one in scored]

    def __len__(self) -> int:
        return sum(self._rows)

    def of(self, version: str) -> "Batch":
        """The rows that this version of the model predicted."""
        is_one = [one.version == version for one in self.calls]
        calls, contexts = list(compress(self.calls, is_one)), list(compress(self.contexts, is_one))
        return Batch(calls, self.refused, self.dropped, contexts)

    @cached_property
    def ids(self) -> list[str]:
        """The id of each prediction."""
        calls = zip(self.calls, self._rows, strict=True)
        return [one.prediction_id(row) for one, rows in calls for row in range(rows)]

    @cached_property
    def times(self) -> NDArray[np.float64]:
        """When each was predicted, float64[n], in seconds since 1970 UTC."""
        return np.repeat(np.array([one.time for one in self.calls], np.float64), self._rows)

    @cached_property
    def versions(self) -> list[str]:
        """The model's version of each prediction."""
        calls = zip(self.calls, self._rows, strict=True)
        return [one.version for one, rows in calls for _ in range(rows)]

    @cached_property
    def columns(self) -> Columns:
        """The encoded inputs: an array of n for each; empty without rows."""
        names = self.calls[0].columns if self.calls else ()
        return {name: np.concatenate([one.columns[name] for one in self.calls]) for name in names}

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """float32[n, k], in the order of the signature; n is not 0."""
        return np.concatenate([one.features for one in self.calls])

    @cached_property
    def predictions(self) -> NDArray[np.float32]:
        """float32[n]."""
        return np.concatenate([np.empty(0, np.float32), *(one.predictions for one in self.calls)])


class BulkObserver(Protocol):
    """Watches predictions in bulk. It is called by one thread at a time."""

    def observe(self, batch: Batch) -> None:
        """Rows were predicted or requests refused a moment ago."""

    def close(self) -> None:
        """The service ends: finish what is held."""


class Deferred:
    """An observer that only collects; a thread hands what came together to observers in bulk.

    When rows come faster than they are observed, further ones are dropped and counted. With
    `waits` there is no thread, and none is dropped: whoever predicts goes on once they are
    observed.
    """

    def __init__(
        self,
        observers: Sequence[BulkObserver],
        gauges: list[Gauge],
        *,
        waits: bool,
        every_s: float = EVERY_S,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._observers = [(observer, Guard(type(observer).__name__)) for observer in observers]
        self._waits = waits
        self._every_s = every_s
        self._most_rows = most_rows
        self._held: list[Scored] = []
        self._contexts: list[Context] = []
        self._refused: Counter[str] = Counter()
        self._rows = 0
        self._dropped = 0
        self._told = 0
        """Of what was dropped, the observers know of so many rows."""
        self._lock = threading.Lock()
        self._observing = threading.Lock()
        self._due = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        gauges.append(
            Gauge(
                "observations_dropped_total",
                "Rows that were predicted but not observed, because more came than can be observed",
                lambda: self._dropped,
                total=True,
            )
        )

    def scored(self, scored: Scored) -> None:
        """Keep it for later, or observe it now."""
        if self._rows >= self._most_rows:
            self._dropped += len(scored.predictions)
            return
        with self._lock:
            self._held.append(scored)
            self._contexts.append(copy_context())
            self._rows += len(scored.predictions)
        if self._waits:
            self.flush()
            return
        if self._thread is None:
            self._start()
        if self._rows >= self._most_rows // 2:
            self._due.set()

    def refused(self, refused: Refused) -> None:
        """Count it for later."""
        with self._lock:
            self._refused[refused.reason] += 1
        if self._thread is None and not self._waits:
            self._start()

    def of(self, kind: type[Found]) -> Iterator[Found]:
        """The observers of a class."""
        return (observer for observer, _ in self._observers if isinstance(observer, kind))

    def flush(self) -> None:
        """Let everything be observed that is held."""
        with self._observing:
            with self._lock:
                dropped = self._dropped
                batch = Batch(self._held, self._refused, dropped - self._told, self._contexts)
                self._held, self._contexts, self._rows, self._refused = [], [], 0, Counter()
                self._told = dropped
            if len(batch) or batch.refused or batch.dropped:
                for observer, guard in self._observers:
                    guard.call(observer.observe, batch)

    def close(self) -> None:
        """Observe the rest, and let the observers finish, but wait for none that hangs."""
        self._closed = True
        self._due.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            if self._thread.is_alive():
                logger.error(
                    "an observer hangs, rows were not observed", extra={"rows": self._rows}
                )
                return
        self.flush()
        for observer, guard in self._observers:
            guard.call(observer.close)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="observers", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            self._due.wait(self._every_s)
            self._due.clear()
            self.flush()
