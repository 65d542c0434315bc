"""The stretch of time that a model learns from, and the later one it is tested on."""

import argparse
from dataclasses import dataclass
from datetime import UTC, date, datetime, time


@dataclass(frozen=True, slots=True)
class Period:
    """Train on [start, split), test on [split, end); raises ValueError in another order."""

    start: datetime
    split: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.split < self.end:
            raise ValueError(
                f"a period must run start < split < end, not {self.start:%Y-%m-%d},"
                f" {self.split:%Y-%m-%d}, {self.end:%Y-%m-%d}"
            )


def given_day(text: str) -> date:
    """The day that an argument of a command names; argparse shows the error.

    The ends of the calendar are none: no window fits between them and such a day.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 1900 <= day.year < 2200:
        raise argparse.ArgumentTypeError(f"{text!r} is no day of our time, such as 2013-07-01")
    return day


def given_moment(text: str) -> datetime:
    """The moment that an argument of a command names, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wanted = "no moment such as 2013-07-01T12:00 or 2013-07-01T12:00+02:00"
        raise argparse.ArgumentTypeError(f"{text!r} is {wanted}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def start_of_day(text: str) -> datetime:
    """The moment at which that day begins, in UTC."""
    return datetime.combine(given_day(text), time(), UTC)
