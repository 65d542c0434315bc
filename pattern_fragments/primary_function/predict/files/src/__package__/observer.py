"""What was scored or refused, told to whoever wants to know, after the result has left."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from .columns import Columns

logger = logging.getLogger(__name__)

QUIET_S = 60.0
"""A failing observer is logged at most once in this many seconds."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of n rows, and what they were made from."""

    id: str
    ids: Sequence[str] = ()
    """One for each row, where whoever asked has named the rows."""
    request_id: str
    time: float
    """When, in seconds since 1970 UTC."""
    columns: Columns
    features: NDArray[np.float32]
    """float32[n, k], in the order of the signature."""
    predictions: NDArray[np.float32]
    """float32[n]."""
    version: str
    duration_s: float
    """How long the caller waited; where no caller waits, how long scoring took."""

    def prediction_id(self, row: int) -> str:
        """The id under which the outcome of this row can be reported later."""
        return self.ids[row] if self.ids else f"{self.id}-{row}"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What got no prediction; `reason` is a short label from a small, fixed set."""

    reason: str
    duration_s: float


class Observer(Protocol):
    """Watches predictions. It is called in line: what is slow must be done elsewhere."""

    def scored(self, scored: Scored) -> None:
        """Rows were predicted, and the result has left."""

    def refused(self, refused: Refused) -> None:
        """A request was refused."""

    def close(self) -> None:
        """The service ends: finish what is held."""


Found = TypeVar("Found")


class Guard:
    """Keeps what an observer raises from going further, and the log from filling with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._quiet_until = 0.0

    def call(self, hear: Callable[..., None], *told: Any) -> None:
        """Call; an error is logged, unless one was a moment ago."""
        try:
            hear(*told)
        except Exception:
            now = time.monotonic()
            if now >= self._quiet_until:
                self._quiet_until = now + QUIET_S
                logger.warning("observer %s failed", self._name, exc_info=True)


class Observers:
    """Tells each observer in turn; what one of them raises is logged and goes no further."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._guards = [Guard(type(observer).__name__) for observer in self._observers]

    def of(self, kind: type[Found]) -> Iterator[Found]:
        """The observers of a class."""
        return (observer for observer in self._observers if isinstance(observer, kind))

    def scored(self, scored: Scored) -> None:
        """Rows were predicted, and the result has left."""
        for observer, guard in zip(self._observers, self._guards, strict=True):
            guard.call(observer.scored, scored)

    def refused(self, refused: Refused) -> None:
        """A request was refused."""
        for observer, guard in zip(self._observers, self._guards, strict=True):
            guard.call(observer.refused, refused)

    def close(self) -> None:
        """The service ends: each observer finishes what it holds."""
        for observer, guard in zip(self._observers, self._guards, strict=True):
            guard.call(observer.close)
