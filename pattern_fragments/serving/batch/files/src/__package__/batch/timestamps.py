"""Timestamps in text, many at once: the usual forms 2013-07-01T12:15:00Z and ...T08:15:00-04:00."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

LENGTHS = (20, 25)
"""Bytes of a timestamp that ends in Z, and of one that ends in an offset."""

DAYS_OF_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
ZERO, MINUS, SPACE = b"0- "


def seconds_of(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds since 1970 UTC, and for which of n texts they hold.

    A text in any other form, right or wrong, is none of them.
    """
    seconds = np.zeros(len(texts), np.int64)
    are_usual = np.zeros(len(texts), np.bool_)
    lengths = texts.str.len_bytes().fill_null(0).to_numpy()
    for length in LENGTHS:
        rows = np.flatnonzero(lengths == length)
        if len(rows):
            joined = texts.gather(rows).str.join("").item().encode()
            # One line for each place in the text.
            places = np.ascontiguousarray(np.frombuffer(joined, np.uint8).reshape(-1, length).T)
            seconds[rows], are_usual[rows] = _read(places)
    return seconds, are_usual


def _read(places: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The seconds, and where the text has the form: uint8[length, n]."""
    digits = places - ZERO  # what is no digit becomes more than 9
    has_form = np.ones(places.shape[1], np.bool_)

    def number(first: int, count: int) -> NDArray[np.int32]:
        value = np.zeros(places.shape[1], np.int32)  # half of int64 to go through
        for digit in digits[first : first + count]:
            np.logical_and(has_form, digit <= 9, out=has_form)
            value = value * 10 + digit
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    for place, mark in ((4, "-"), (7, "-"), (13, ":"), (16, ":")):
        has_form &= places[place] == ord(mark)
    has_form &= (places[10] == ord("T")) | (places[10] == SPACE)
    has_form &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = DAYS_OF_MONTH[np.minimum(month, 12)] - ((month == 2) & ~is_leap)
    has_form &= (day <= last) & (hour <= 23) & (minute <= 59) & (second <= 59)
    of_day = (hour * 60 + minute) * 60 + second
    total = _days(year, month, day).astype(np.int64) * 86_400 + of_day
    if len(places) == LENGTHS[0]:
        has_form &= places[19] == ord("Z")
        return total, has_form
    hours, minutes = number(20, 2), number(23, 2)
    has_form &= ((places[19] == ord("+")) | (places[19] == MINUS)) & (places[22] == ord(":"))
    has_form &= (hours <= 23) & (minutes <= 59)
    offset = (hours * 60 + minutes) * 60
    return total - np.where(places[19] == MINUS, -offset, offset), has_form


def _days(
    year: NDArray[np.int32], month: NDArray[np.int32], day: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Days since 1970-01-01 in the Gregorian calendar, for years from 1 on.

    Years begin in March here, so that the day a leap year adds is their last.
    """
    from_march = (month + 9) % 12
    year = year - (from_march >= 10)
    before = year * 365 + year // 4 - year // 100 + year // 400
    return before + (from_march * 153 + 2) // 5 + day - 1 - 719_468
