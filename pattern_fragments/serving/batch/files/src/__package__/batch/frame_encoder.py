"""From a frame of raw values to typed columns: `columns.Encoder`, a whole column at a time.

What is clearly right is accepted by polars. Every other value is shown to the Encoder itself, so
that both accept the same values, and refuse the others in the same words.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns, Encoder, InvalidInput
from ..signature import Input
from .timestamps import seconds_of

Problems = Mapping[int, Sequence[tuple[str, str]]]
"""The fields that are wrong and why, by the number of the row in its frame."""

NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.IGNORECASE | re.ASCII
)
"""Text that stands for a number in a file without types."""

YEAR_1, YEAR_9999 = -62_135_596_800, 253_402_300_799
"""The first and the last second that Python can tell, in seconds since 1970 UTC."""


def number_of(text: str | None) -> float | str | None:
    """What the text of a CSV file means where a number is expected."""
    return float(text) if text is not None and NUMBER.fullmatch(text) else text


class FrameEncoder:
    """Encodes frames for a fixed set of inputs; `is_text` says that every value is text."""

    def __init__(self, inputs: Sequence[Input], is_text: bool) -> None:
        self._inputs = [_READERS[column.type](column, is_text) for column in inputs]

    def encode(self, frame: pl.DataFrame) -> tuple[Columns, Problems]:
        """The columns of n rows, and what is wrong; a row with a problem holds arbitrary codes."""
        problems: dict[int, list[tuple[str, str]]] = {}
        columns = {}
        for reader in self._inputs:
            columns[reader.name], reasons = reader.encode(frame[reader.name])
            for row, reason in reasons.items():
                problems.setdefault(row, []).append((reader.name, reason))
        return columns, problems


class _Reader:
    """Encodes the values of one input."""

    def __init__(self, column: Input, is_text: bool) -> None:
        self.name = column.name
        self._column = column
        self._is_text = is_text
        self._one = Encoder((column,))

    def encode(self, values: pl.Series) -> tuple[NDArray[Any], dict[int, str]]:
        """The n values as an array of n, and the reasons of those that are refused, by row."""
        encoded, accepted = self._accept(values)
        rest = np.flatnonzero(~accepted)
        if not len(rest):
            return encoded, {}
        distinct, places = _distinct(values.gather(rest))
        answers = [self._ask(value) for value in self._python(distinct)]
        is_refused = np.array([isinstance(answer, str) for answer in answers])[places]
        codes = np.array([0 if isinstance(answer, str) else answer for answer in answers])
        encoded = encoded.copy()
        encoded[rest[~is_refused]] = codes[places[~is_refused]]
        refused = zip(rest[is_refused].tolist(), places[is_refused], strict=True)
        return encoded, {row: str(answers[place]) for row, place in refused}

    def _accept(self, values: pl.Series) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The values as an array, and which of them are right beyond doubt."""
        raise NotImplementedError

    def _python(self, values: pl.Series) -> list[Any]:
        """The values as the Encoder is to see them."""
        return values.to_list()

    def _ask(self, value: Any) -> object:
        """What the Encoder makes of a value: its code, or the reason (text) why it is refused."""
        try:
            return self._one.columns({self.name: [value]})[self.name][0]
        except InvalidInput as error:
            return error.problems[0].reason


class _Numbers(_Reader):
    def _accept(self, values: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if not self._is_text and not values.dtype.is_numeric():
            return _none(len(values), np.float64)
        numbers = values.cast(pl.Float64, strict=False)
        accepted = numbers.is_finite()
        if self._column.minimum is not None:
            accepted &= numbers >= self._column.minimum
        if self._column.maximum is not None:
            accepted &= numbers <= self._column.maximum
        return numbers.to_numpy(), accepted.fill_null(False).to_numpy()

    def _python(self, values: pl.Series) -> list[Any]:
        if self._is_text:
            return [number_of(text) for text in values.to_list()]
        if values.dtype.is_decimal():
            values = values.cast(pl.Float64)
        return values.to_list()


class _Categories(_Reader):
    def __init__(self, column: Input, is_text: bool) -> None:
        super().__init__(column, is_text)
        self._codes = pl.Enum(column.categories)

    def _accept(self, values: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if not isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
            return _none(len(values), np.int64)
        codes = values.cast(pl.String).cast(self._codes, strict=False).to_physical()
        codes = codes.cast(pl.Int64)
        return codes.fill_null(0).to_numpy(), codes.is_not_null().to_numpy()


class _Timestamps(_Reader):
    def __init__(self, column: Input, is_text: bool) -> None:
        super().__init__(column, is_text)
        self._first = _seconds(column.earliest, YEAR_1)
        self._last = _seconds(column.latest, YEAR_9999)

    def _accept(self, values: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if values.dtype == pl.String:
            moments, accepted = seconds_of(values)
            return moments, accepted & (moments >= self._first) & (moments <= self._last)
        if not isinstance(values.dtype, pl.Datetime) or values.dtype.time_zone is None:
            return _none(len(values), np.int64)
        seconds = _whole_seconds(values)
        within = seconds.is_between(self._first, self._last).fill_null(False)
        return seconds.fill_null(0).to_numpy(), within.to_numpy()

    def _python(self, values: pl.Series) -> list[Any]:
        if isinstance(values.dtype, pl.Datetime):
            # What Python has no date for is text to it, and refused as such.
            tellable = _whole_seconds(values).is_between(YEAR_1, YEAR_9999)
            told = values.set(~tellable, None).to_list()
            beyond = (~tellable).fill_null(False).to_list()
            return ["beyond" if far else value for value, far in zip(told, beyond, strict=True)]
        return values.to_list()


def _distinct(values: pl.Series) -> tuple[pl.Series, NDArray[np.integer[Any]]]:
    """The distinct values among n, and the place of each of the n among them.

    Text repeats itself; values of other types are all taken for distinct.
    """
    if values.dtype != pl.String or values.has_nulls():
        return values, np.arange(len(values))
    distinct = values.unique(maintain_order=True)
    return distinct, values.cast(pl.Enum(distinct)).to_physical().to_numpy()


def _whole_seconds(values: pl.Series) -> pl.Series:
    unit = values.dtype.time_unit if isinstance(values.dtype, pl.Datetime) else None
    return values.to_physical() // {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit or "us"]


def _seconds(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


def _none(count: int, kind: type[np.generic]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    return np.zeros(count, kind), np.zeros(count, np.bool_)


_READERS = {"number": _Numbers, "category": _Categories, "timestamp": _Timestamps}
