"""Stretches of time that are looked at as one."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

KINDS = ("day", "week", "month")

RECENT = "recent"
"""The kind of the window that alerts watch."""


class Window(NamedTuple):
    """Predictions made in [start, end)."""

    kind: str
    start: datetime
    end: datetime


def calendar(kind: str, since: datetime, until: datetime) -> list[Window]:
    """The whole days, weeks (from Monday) or months, in UTC, that touch [since, until)."""
    start = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "week":
        start -= timedelta(days=start.weekday())
    elif kind == "month":
        start = start.replace(day=1)
    found = []
    while start < until:
        end = _next(kind, start)
        found.append(Window(kind, start, end))
        start = end
    return found


def _next(kind: str, start: datetime) -> datetime:
    if kind == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if kind == "week" else 1)
