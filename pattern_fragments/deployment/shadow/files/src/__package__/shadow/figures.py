"""How far both agreed the last time, as figures for whoever watches. They are no verdict."""

from datetime import datetime
from typing import NamedTuple

from ..gauges import Gauge
from ..settings import Settings
from .pairs import NoPair, read_pairs

NOTHING = float("nan")
"""Shown while nothing is known."""


class Look(NamedTuple):
    """What a window of both logs shows at once: no outcome is known of it yet."""

    rows: int
    coverage: float
    differing_share: float


UNSEEN = Look(0, NOTHING, NOTHING)


def look(settings: Settings, since: datetime, until: datetime) -> Look:
    """Look at what was predicted in [since, until); raises as `read_pairs`.

    A candidate that has predicted nothing of it is behind.
    """
    try:
        pairs = read_pairs(settings.prediction_log, settings.shadow_log, since, until)
    except NoPair:
        return Look(0, 0.0, NOTHING)
    apart = (pairs.rows["candidate"] - pairs.rows["champion"]).abs().to_numpy()
    differing = float((apart > settings.shadow_tolerance).mean())
    return Look(len(apart), pairs.coverage, differing)


class ShadowFigures:
    """Holds the newest look."""

    def __init__(self, settings: Settings) -> None:
        self.found = UNSEEN
        self.failed = False
        """Whether the last try to predict or to compare failed."""
        self._settings = settings

    def gauges(self) -> list[Gauge]:
        """All of them."""
        return [
            Gauge(
                "shadow_failed",
                "1 when the last shadow run or comparison failed, else 0",
                lambda: float(self.failed),
            ),
            Gauge(
                "shadow_compared_rows",
                "Rows of the last comparison",
                lambda: float(self.found.rows),
            ),
            Gauge(
                "shadow_coverage",
                "The share of what the candidate was to predict that it has predicted",
                lambda: self.found.coverage,
            ),
            Gauge(
                "shadow_coverage_limit",
                "The share that the candidate must predict at least to be fit to be promoted",
                lambda: self._settings.shadow_min_coverage,
            ),
            Gauge(
                "shadow_differing_share",
                "The share of predictions that differ by more than the tolerance",
                lambda: self.found.differing_share,
            ),
            Gauge(
                "shadow_differing_share_limit",
                "The share of differing rows from which a candidate is not fit to be promoted",
                lambda: self._settings.shadow_max_differing_share,
            ),
        ]
