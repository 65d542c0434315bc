"""From the values a caller sends to typed columns, checked against the signature.

Training and serving both encode here, so a value means the same on both sides.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from .signature import Input

Columns = Mapping[str, NDArray[Any]]
"""Columns of n rows by input name. A number is float64[n]; a category is int64[n], its position
among the input's categories, or UNKNOWN; a timestamp is int64[n], in seconds
since 1970 UTC."""

UNKNOWN = -1
"""The code of a category that training has not seen often enough to know it."""

MAX_PROBLEMS = 100
"""Problems reported of one call; a longer list helps nobody and costs memory."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

MISSING = "is missing"
STRANGER = "is not an input of this model"


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one value; `row` is None when a whole column is, `field` empty when a row
    is."""

    row: int | None
    field: str
    reason: str


class InvalidInput(ValueError):  # noqa: N818 - the word of the field
    """The rows do not fit the signature; `problems` says where and why, without the values."""

    reason = "invalid_input"
    """The label under which it is counted."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.every_problem = problems
        """For who goes on with the other rows; callers are told the first of them."""
        self.problems = tuple(problems[:MAX_PROBLEMS])
        first = self.problems[0]
        row = "" if first.row is None else f"row {first.row}"
        place = ", ".join(part for part in (row, first.field) if part)
        super().__init__(f"{place}: {first.reason}")


class Encoder:
    """Encodes raw values, row by row or column by column, for a fixed set of inputs."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._codecs = {column.name: _CODECS[column.type](column) for column in inputs}
        self._width = len(self._codecs)

    def rows(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        """Encode n rows of named values; raises InvalidInput. None counts as missing."""
        if any(len(row) > self._width for row in rows):
            raise InvalidInput(self._problems_of_rows(rows))
        try:
            return {
                name: codec.encode([row.get(name) for row in rows])
                for name, codec in self._codecs.items()
            }
        except _Refusal:
            raise InvalidInput(self._problems_of_rows(rows)) from None

    def columns(self, raw: Mapping[str, Sequence[object]]) -> Columns:
        """Encode a list of n values per input; raises InvalidInput. None counts as missing."""
        if problems := self._problems_of_shape(raw):
            raise InvalidInput(problems)
        try:
            return {name: codec.encode(raw[name]) for name, codec in self._codecs.items()}
        except _Refusal:
            raise InvalidInput(self._problems(raw)) from None

    def _problems_of_shape(self, raw: Mapping[str, Sequence[object]]) -> list[Problem]:
        strangers = [Problem(None, name, STRANGER) for name in raw if name not in self._codecs]
        missing = [Problem(None, name, MISSING) for name in self._codecs if name not in raw]
        if strangers or missing:
            return strangers + missing
        first, length = next((name, len(values)) for name, values in raw.items())
        return [
            Problem(None, name, f"holds {len(values)} values, but {first} {length}")
            for name, values in raw.items()
            if len(values) != length
        ]

    def _problems_of_rows(self, rows: Sequence[Mapping[str, object]]) -> list[Problem]:
        strangers = [
            Problem(number, name, STRANGER)
            for number, row in enumerate(rows)
            for name in row
            if name not in self._codecs
        ]
        raw = {name: [row.get(name) for row in rows] for name in self._codecs}
        return sorted(strangers + self._problems(raw), key=attrgetter("row"))

    def _problems(self, raw: Mapping[str, Sequence[object]]) -> list[Problem]:
        problems = [
            Problem(row, name, reason)
            for name, codec in self._codecs.items()
            for row, value in enumerate(raw[name])
            if (reason := codec.refusal(value))
        ]
        return sorted(problems, key=attrgetter("row"))


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    """Some value of a column was refused; `_Codec.refusal` knows which and why."""


class _Codec(Protocol):
    """Encodes the values of one input."""

    def encode(self, values: Sequence[Any]) -> NDArray[Any]:
        """The n values as an array of n; raises _Refusal when any is refused."""

    def refusal(self, value: Any) -> str | None:
        """Why a value is refused, or None when it is not."""


class _Numbers:
    def __init__(self, column: Input) -> None:
        self._low = -sys.float_info.max if column.minimum is None else column.minimum
        self._high = sys.float_info.max if column.maximum is None else column.maximum
        self._unit = f" {column.unit}" if column.unit else ""

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        low, high = self._low, self._high
        valid = [value for value in values if type(value) in _NUMERIC and low <= value <= high]
        if len(valid) != len(values):
            raise _Refusal
        return np.array(valid, np.float64)

    def refusal(self, value: Any) -> str | None:
        if type(value) is not float and type(value) is not int:
            return _wrong_type("a number", value)
        if self._low <= value <= self._high:
            return None
        if type(value) is float and not math.isfinite(value):
            return "must be finite"
        if value < self._low:
            return f"must be at least {self._low:g}{self._unit}"
        return f"must be at most {self._high:g}{self._unit}"


class _Categories:
    def __init__(self, column: Input) -> None:
        self._column = column
        self._codes = {category: code for code, category in enumerate(column.categories)}
        self._pattern = re.compile(column.pattern or ".*", re.DOTALL)

    def encode(self, values: Sequence[Any]) -> NDArray[np.int64]:
        try:
            return np.array([self._codes[value] for value in values], np.int64)
        except (KeyError, TypeError):
            return np.array([self._code(value) for value in values], np.int64)

    def _code(self, value: Any) -> int:
        if self.refusal(value):
            raise _Refusal
        return self._codes.get(value, UNKNOWN)

    def refusal(self, value: Any) -> str | None:
        if type(value) is not str:
            return _wrong_type("text", value)
        if value in self._codes:
            return None
        if not self._column.accepts_unknown:
            return f"must be one of {', '.join(self._column.categories)}"
        if not self._pattern.fullmatch(value):
            return f"must match {self._column.pattern}"
        return None


class _Timestamps:
    def __init__(self, column: Input) -> None:
        self._column = column
        self._first = _seconds(column.earliest or datetime.min.replace(tzinfo=UTC))
        self._last = _seconds(column.latest or datetime.max.replace(tzinfo=UTC))

    def encode(self, values: Sequence[Any]) -> NDArray[np.int64]:
        first, last = self._first, self._last
        try:
            valid = [moment for value in values if first <= (moment := _seconds(value)) <= last]
        except (TypeError, ValueError):
            raise _Refusal from None
        if len(valid) != len(values):
            raise _Refusal
        return np.array(valid, np.int64)

    def refusal(self, value: Any) -> str | None:
        if not isinstance(value, str | datetime):
            return _wrong_type(f"an ISO 8601 timestamp such as {self._column.example}", value)
        try:
            moment = _seconds(value)
        except ValueError:
            return f"must be an ISO 8601 timestamp such as {self._column.example}"
        except TypeError:
            return f"must carry its UTC offset, as in {self._column.example}"
        if self._first <= moment <= self._last:
            return None
        if moment < self._first:
            return f"must not be before {self._column.earliest or 'the year 1 in UTC'}"
        return f"must not be after {self._column.latest or 'the year 9999 in UTC'}"


def _seconds(value: Any) -> int:
    """Whole seconds since 1970 UTC; raises TypeError without a UTC offset."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (moment - EPOCH) // SECOND


def _wrong_type(expected: str, value: Any) -> str:
    return MISSING if value is None else f"must be {expected}, not {_kind(value)}"


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return kinds.get(type(value), "an object")


_NUMERIC = frozenset((int, float))

_CODECS: Mapping[str, Callable[[Input], _Codec]] = {
    "number": _Numbers,
    "category": _Categories,
    "timestamp": _Timestamps,
}
