"""CSV files (RFC 4180, commas, a header, UTF-8) in parts: where records end, and what they hold.

One pass over the bytes finds the parts. A part is a range of bytes that anybody can read alone.
Empty lines are no records.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

BLOCK = 1 << 22
"""Bytes that are looked at together."""

LONGEST_RECORD = 1 << 20
"""Bytes of the longest record. Beyond it a quote was left open, and all that follows is in it."""

NEWLINE, RETURN, COMMA, QUOTE = b'\n\r,"'


class Range(NamedTuple):
    """The records of a part: the bytes [start, stop), and how many."""

    start: int
    stop: int
    rows: int


class Unreadable(NamedTuple):
    """A record that is no row: its place among the records of its part, its text, and why."""

    row: int
    text: str
    reason: str


class _Records(NamedTuple):
    """The complete records among some bytes, without the line ends; and where the last one ends."""

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    ends: NDArray[np.int64]


def header(path: Path) -> list[str]:
    """The names of the columns; raises ValueError when there are none, or one twice."""
    with path.open("rb") as file:
        first = _first_line(file, path)
    try:
        names = next(csv.reader([first.decode("utf-8-sig")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} has a header that is no CSV in UTF-8: {error}") from error
    if not names:
        raise ValueError(f"{path} has no header")
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{path} has two columns {twice[0]!r}")
    return names


def is_whole(path: Path) -> bool:
    """Whether the last line has an end: a file that is still written, or was cut, has none."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def ranges(path: Path, rows: int) -> Iterator[Range]:
    """The file in parts of so many records; raises ValueError when a quote is left open."""
    with path.open("rb") as file:
        position = begun = len(_first_line(file, path))
        file.seek(position)
        count = 0
        for block in _blocks(file, path):
            ends = _records(block).ends
            for last in range(rows - count - 1, len(ends), rows):
                stop = position + int(ends[last])
                yield Range(begun, stop, rows)
                begun = stop
            count = (count + len(ends)) % rows
            position += len(block)
        if count:
            yield Range(begun, position, count)


def read(
    path: Path, part: Range, names: Sequence[str]
) -> tuple[pl.DataFrame, NDArray[np.int64], list[Unreadable]]:
    """The rows of a part as text, the place of each among its records, and what is no row.

    Raises ValueError when the file is no longer the one that was divided into parts, and when a
    record that is no row covers several lines: the rows in them would be lost unseen.
    """
    with path.open("rb") as file:
        file.seek(part.start)
        data = file.read(part.stop - part.start)
    records = _records(data)
    if len(records.starts) != part.rows:
        raise ValueError(f"{path} has changed while it was read")
    reasons = _reasons(data, records, len(names))
    for row in sorted(reasons):
        if newlines := _text(data, records, row).count(NEWLINE):
            raise ValueError(
                f"{path}: the record at byte {part.start + records.starts[row]} covers"
                f" {newlines + 1} lines and {reasons[row]}: was a quote left open?"
            )
    frame = None
    if not reasons:
        frame = _parse(data, names)
    if frame is None or frame.height != part.rows:
        frame = _parse(_without(data, records, reasons), names)
    if frame is None:
        for row, text in enumerate(_texts(data, records)):
            if row not in reasons and not _is_utf8(text):
                reasons[row] = "is not UTF-8"
        frame = _parse(_without(data, records, reasons), names)
    good = np.setdiff1d(np.arange(part.rows), list(reasons), assume_unique=True)
    if frame is None or frame.height != len(good):
        raise ValueError(f"{path} cannot be read as CSV, from byte {part.start} on")
    unreadable = [
        Unreadable(row, _text(data, records, row).decode("utf-8", "replace"), reasons[row])
        for row in sorted(reasons)
    ]
    return frame, good, unreadable


def _records(data: bytes) -> _Records:
    """The records among bytes that begin with one; an end of the bytes ends the last one."""
    view = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(view == NEWLINE)
    if QUOTE in data:
        newlines = newlines[_quotes_before(view, newlines) % 2 == 0]
    ends = newlines + 1
    if not data.endswith(b"\n"):
        newlines, ends = np.append(newlines, len(data)), np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1]))
    stops = newlines - ((newlines > starts) & (view[newlines - 1] == RETURN))
    filled = stops > starts
    return _Records(starts[filled], stops[filled], ends[filled])


def _reasons(data: bytes, records: _Records, width: int) -> dict[int, str]:
    """Why a record is no row, by its place."""
    view = np.frombuffer(data, np.uint8)
    commas = np.flatnonzero(view == COMMA)
    if QUOTE in data:
        commas = commas[_quotes_before(view, commas) % 2 == 0]
    before = np.searchsorted(commas, records.starts)
    fields = np.searchsorted(commas, records.stops) - before + 1
    reasons = {
        row: f"has {fields[row]} fields, the header {width}"
        for row in np.flatnonzero(fields != width).tolist()
    }
    for row in _with_stray_quotes(view, records):
        reasons[row] = "has a quote where CSV has none"
    return reasons


def _with_stray_quotes(view: NDArray[np.uint8], records: _Records) -> list[int]:
    """The records with a quote that neither opens nor closes a field nor stands for a quote."""
    quotes = np.flatnonzero(view == QUOTE)
    if not len(quotes):
        return []
    padded = np.concatenate(([NEWLINE], view, [NEWLINE]))
    opening, closing = quotes[::2], quotes[1::2]
    stray = np.concatenate(
        (
            opening[~np.isin(padded[opening], (COMMA, NEWLINE, QUOTE))],
            closing[~np.isin(padded[closing + 2], (COMMA, NEWLINE, RETURN, QUOTE))],
        )
    )
    if len(quotes) % 2:
        stray = np.append(stray, quotes[-1])
    found: list[int] = np.unique(np.searchsorted(records.starts, stray, "right") - 1).tolist()
    return found


def _quotes_before(view: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(np.flatnonzero(view == QUOTE), positions)


def _parse(data: bytes, names: Sequence[str]) -> pl.DataFrame | None:
    """The rows of whole, regular records; None when polars cannot read them."""
    schema = dict.fromkeys(names, pl.String)
    if not data:
        return pl.DataFrame(schema=schema)
    try:
        frame = pl.read_csv(data, has_header=False, schema=schema)
    except pl.exceptions.PolarsError:
        return None
    # A field between two quotes with nothing in it is as empty as one without.
    return frame.with_columns(pl.all().replace("", None)) if QUOTE in data else frame


def _without(data: bytes, records: _Records, rows: dict[int, str]) -> bytes:
    texts = (text for row, text in enumerate(_texts(data, records)) if row not in rows)
    return b"".join(line for text in texts for line in (text, b"\n"))


def _texts(data: bytes, records: _Records) -> Iterator[bytes]:
    for start, stop in zip(records.starts.tolist(), records.stops.tolist(), strict=True):
        yield data[start:stop]


def _text(data: bytes, records: _Records, row: int) -> bytes:
    return data[records.starts[row] : records.stops[row]]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _blocks(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The rest of a file in blocks that end where a record does."""
    rest = b""
    while block := file.read(BLOCK):
        data = rest + block
        end = _end_of_last_record(data)
        if len(data) - end > LONGEST_RECORD:
            raise ValueError(
                f"{path}: the record at byte {file.tell() - len(data) + end} is longer than"
                f" {LONGEST_RECORD} bytes: was a quote left open?"
            )
        if end:
            yield data[:end]
        rest = data[end:]
    if rest:
        if rest.count(QUOTE) % 2:
            raise ValueError(f"{path} ends in the middle of a field: a quote was left open")
        yield rest


def _end_of_last_record(data: bytes) -> int:
    """Where the last complete record ends, 0 when there is none."""
    view = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(view == NEWLINE)
    if QUOTE in data:
        newlines = newlines[_quotes_before(view, newlines) % 2 == 0]
    return int(newlines[-1]) + 1 if len(newlines) else 0


def _first_line(file: BinaryIO, path: Path) -> bytes:
    line = file.readline(LONGEST_RECORD)
    if len(line) == LONGEST_RECORD:
        raise ValueError(f"{path}: the first line is longer than {LONGEST_RECORD} bytes")
    return line
