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
        # One query for all columns: each of its own would cost as much as it computes.
        sure = frame.select(reader.sure(frame[reader.name]) for reader in self._inputs)
        problems: dict[int, list[tuple[str, str]]] = {}
        columns = {}
        for reader in self._inputs:
            columns[reader.name], reasons = reader.complete(sure[reader.name], frame[reader.name])
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

    def sure(self, values: pl.Series) -> pl.Expr:
        """The codes of the n values, under the column's name; null where one is not clearly right.

        It is for a frame that holds them.
        """
        raise NotImplementedError

    def complete(self, sure: pl.Series, values: pl.Series) -> tuple[NDArray[Any], dict[int, str]]:
        """The codes of all n values as an array, and the reasons of those refused, by row."""
        if not sure.null_count():
            return sure.to_numpy(), {}
        encoded = sure.fill_null(0).to_numpy().copy()
        rest = np.flatnonzero(sure.is_null())
        distinct, places = _distinct(values.gather(rest))
        answers = self._ask(self._python(distinct))
        is_refused = np.array([isinstance(answer, str) for answer in answers])[places]
        codes = np.array([0 if isinstance(answer, str) else answer for answer in answers])
        encoded[rest[~is_refused]] = codes[places[~is_refused]]
        refused = zip(rest[is_refused].tolist(), places[is_refused], strict=True)
        return encoded, {row: str(answers[place]) for row, place in refused}

    def _python(self, values: pl.Series) -> list[Any]:
        """The values as the Encoder is to see them."""
        return values.to_list()

    def _ask(self, values: list[Any]) -> list[object]:
        """What the Encoder makes of each value: its code, or the reason (text) for refusing it."""
        try:
            return list(self._one.columns({self.name: values})[self.name])
        except InvalidInput as error:
            if len(values) == 1:
                return [error.problems[0].reason]
            return [answer for value in values for answer in self._ask([value])]


class _Numbers(_Reader):
    def sure(self, values: pl.Series) -> pl.Expr:
        if not self._is_text and not values.dtype.is_numeric():
            return _none(values, pl.Float64)
        number = pl.col(self.name).cast(pl.Float64, strict=False)
        is_right = number.is_finite()
        if self._column.minimum is not None:
            is_right &= number >= self._column.minimum
        if self._column.maximum is not None:
            is_right &= number <= self._column.maximum
        return pl.when(is_right).then(number)

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

    def sure(self, values: pl.Series) -> pl.Expr:
        if not isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
            return _none(values, pl.Int64)
        category = pl.col(self.name).cast(pl.String).cast(self._codes, strict=False)
        return category.to_physical().cast(pl.Int64)


class _Timestamps(_Reader):
    def __init__(self, column: Input, is_text: bool) -> None:
        super().__init__(column, is_text)
        self._first = _seconds(column.earliest, YEAR_1)
        self._last = _seconds(column.latest, YEAR_9999)

    def sure(self, values: pl.Series) -> pl.Expr:
        if values.dtype == pl.String:
            moments, are_usual = seconds_of(values)
            seconds = pl.lit(pl.Series(self.name, moments))
            is_right = pl.lit(pl.Series(are_usual)) & seconds.is_between(self._first, self._last)
            return pl.when(is_right).then(seconds)
        if not isinstance(values.dtype, pl.Datetime) or values.dtype.time_zone is None:
            return _none(values, pl.Int64)
        seconds = _whole_seconds(values)
        return pl.when(seconds.is_between(self._first, self._last)).then(seconds)

    def _python(self, values: pl.Series) -> list[Any]:
        if isinstance(values.dtype, pl.Datetime):
            # What Python has no date for is text to it, and refused as such.
            is_tellable = _whole_seconds(values).is_between(YEAR_1, YEAR_9999)
            tellable = values.to_frame().select(is_tellable).to_series()
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


def _whole_seconds(values: pl.Series) -> pl.Expr:
    unit = values.dtype.time_unit if isinstance(values.dtype, pl.Datetime) else None
    per_second = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit or "us"]
    return pl.col(values.name).to_physical() // per_second


def _seconds(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


def _none(values: pl.Series, kind: type[pl.DataType]) -> pl.Expr:
    return pl.repeat(None, len(values), dtype=kind).alias(values.name)


_READERS = {"number": _Numbers, "category": _Categories, "timestamp": _Timestamps}
