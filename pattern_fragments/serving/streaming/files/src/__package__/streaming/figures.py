"""What the consumer counts, offered as gauges to whoever watches the service."""

import time
from collections import deque
from collections.abc import Callable

from ..gauges import Gauge
from .broker import Backlog

WINDOW_S = 60.0
"""The ages that are shown are those of the last minute, so that no scrape misses a peak."""


class Figures:
    """Counts of one consumer, written by its loop and read from other threads."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self._in_flight = in_flight
        self.consumed = 0
        self.retried = 0
        self.dead_lettered = 0
        self.late = 0
        self.without_time = 0
        self.wrong_time = 0
        self.backlog: Backlog | None = None
        """None while nobody knows."""
        self.is_connected = False
        self._alive_at = time.monotonic()
        self._ages: deque[tuple[float, float, float]] = deque()

    @property
    def in_flight(self) -> int:
        """Events that were fetched and not finished, those that wait for another try too."""
        return self._in_flight()

    def alive(self) -> None:
        """The loop goes round."""
        self._alive_at = time.monotonic()

    def silent_s(self) -> float:
        """Seconds since the loop went round."""
        return time.monotonic() - self._alive_at

    def add_ages(self, youngest_s: float, oldest_s: float) -> None:
        """How old the events of a batch were when their predictions were out."""
        now = time.monotonic()
        self._ages.append((now, youngest_s, oldest_s))
        while self._ages[0][0] < now - WINDOW_S:
            self._ages.popleft()

    def oldest_s(self) -> float:
        """The greatest age of the last minute; 0 when nothing was scored."""
        return max((oldest for _, _, oldest in self._recent()), default=0.0)

    def youngest_s(self) -> float:
        """The smallest age of the last minute; 0 when nothing was scored."""
        return min((youngest for _, youngest, _ in self._recent()), default=0.0)

    def _recent(self) -> list[tuple[float, float, float]]:
        start = time.monotonic() - WINDOW_S
        return [row for row in self._ages.copy() if row[0] >= start]

    def gauges(self) -> list[Gauge]:
        """All of them. What waits is the same at each consumer of a group: take the maximum."""
        return [
            Gauge(
                "events_consumed_total",
                "Events whose predictions the broker has",
                lambda: float(self.consumed),
                total=True,
            ),
            Gauge(
                "events_late_total",
                "Events that were older than the objective when their predictions were out",
                lambda: float(self.late),
                total=True,
            ),
            Gauge(
                "events_without_time_total",
                "Events that did not say when they happened; their age is that of their arrival",
                lambda: float(self.without_time),
                total=True,
            ),
            Gauge(
                "events_wrong_time_total",
                "Events whose time was minutes ahead or more than a year ago, and was not believed",
                lambda: float(self.wrong_time),
                total=True,
            ),
            Gauge(
                "events_retried_total",
                "Tries that failed and are to be repeated",
                lambda: float(self.retried),
                total=True,
            ),
            Gauge(
                "events_dead_lettered_total",
                "Events that became dead letters",
                lambda: float(self.dead_lettered),
                total=True,
            ),
            Gauge(
                "events_in_flight",
                "Events that this consumer has fetched and not finished",
                lambda: float(self.in_flight),
            ),
            Gauge(
                "consumer_lag_events",
                "Events of the whole group that are not acknowledged",
                lambda: float(self.backlog.events if self.backlog else "nan"),
            ),
            Gauge(
                "dead_letters_waiting",
                "Dead letters that nobody has replayed or removed",
                lambda: float(self.backlog.dead_letters if self.backlog else "nan"),
            ),
            Gauge(
                "event_age_oldest_seconds",
                "Greatest age of an event when its prediction was out, over the last minute",
                self.oldest_s,
            ),
            Gauge(
                "event_age_youngest_seconds",
                "Smallest age of an event when its prediction was out, over the last minute",
                self.youngest_s,
            ),
            Gauge(
                "broker_connected",
                "Whether the broker does all that it is asked",
                lambda: float(self.is_connected),
            ),
        ]
