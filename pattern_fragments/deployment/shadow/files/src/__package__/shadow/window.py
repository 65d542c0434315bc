"""What a verdict belongs to: days and a candidate, fixed before the shadow begins.

Whoever asks every day, and stops at the first yes, hears one about most candidates in the end.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from ..settings import Settings
from .verdict import Check

DAY = timedelta(days=1)


class Window(NamedTuple):
    """What was predicted in [since, until)."""

    since: datetime
    until: datetime


def fixed(settings: Settings) -> Window | None:
    """The days of SERVICE_SHADOW_PERIOD; None when it is empty, ValueError when it is no period."""
    if not settings.shadow_period:
        return None
    try:
        first, last = map(date.fromisoformat, settings.shadow_period.split("/"))
    except ValueError:
        first, last = date.max, date.min
    if last < first:
        raise ValueError(
            f"SERVICE_SHADOW_PERIOD={settings.shadow_period} is no first and last day such as"
            " 2013-07-01/2013-07-14"
        )
    return Window(*(datetime.combine(one, time(), UTC) for one in (first, last + DAY)))


def settled(settings: Settings, window: Window) -> datetime:
    """From then on all outcomes of a window are known, and a verdict stays what it is."""
    return window.until + timedelta(hours=settings.outcome_delay_h)


def in_time(settings: Settings, window: Window, candidate: str, now: datetime) -> Check:
    """Whether these are the fixed days of the fixed candidate, and over: else it is only a look.

    Raises ValueError when the settings hold no period.
    """
    if fixed(settings) != window:
        return _check(passed=False, says="SERVICE_SHADOW_PERIOD does not name these days: a look")
    if not candidate or candidate != settings.shadow_candidate:
        return _check(passed=False, says="SERVICE_SHADOW_CANDIDATE does not name it: a look")
    if now < (end := settled(settings, window)):
        return _check(passed=False, says=f"the period is judged from {end:%Y-%m-%d %H:%M} UTC on")
    return _check(passed=True, says="days and candidate were fixed, and the days are over")


def as_rehearsed() -> Check:
    """A rehearsal lasts as long as it was told to."""
    return _check(passed=True, says="a rehearsal is judged at its end")


def _check(*, passed: bool, says: str) -> Check:
    return Check("period", float(passed), 1.0, passed, says)
