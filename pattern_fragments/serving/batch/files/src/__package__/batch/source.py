"""The input of a run: which files, with which columns, in which parts."""

import glob
import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..signature import Signature
from . import DATE, delimited
from .delimited import Range, Unreadable

KINDS: dict[str, Literal["csv", "parquet"]] = {".csv": "csv", ".parquet": "parquet"}


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file, and what was seen of it when the run was planned."""

    name: str
    """As it stands in the output: relative to the folder that the files have in common."""
    path: str
    kind: Literal["csv", "parquet"]
    columns: tuple[str, ...]
    kept: tuple[str, ...]
    """The columns that go into the output as they are."""
    size: int
    modified_ns: int
    sha256: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that are scored together and become one file of the output."""

    number: int
    file: int
    """The position of the file in the input."""
    first: int
    """How many rows of that file come before."""
    before: int
    """How many rows of the whole input come before."""
    rows: int
    start: int = 0
    stop: int = 0
    """The bytes of a CSV file."""

    @property
    def name(self) -> str:
        """The name of its files, without their ending."""
        return f"part-{self.number:05}"


def find(
    pattern: str, day: date, signature: Signature, reserved: Sequence[str], marker: str = ""
) -> list[InputFile]:
    """The files of a day, in order of their names, with their content's hash.

    `marker` is a file that is there once the input is complete; without one, a CSV that does not
    end with the end of a line is taken for cut. Raises ValueError when the input is not complete,
    when a file is neither CSV nor parquet, when a column is missing or has the name of one of the
    output, or when files do not have the same columns.
    """
    where = pattern.replace(DATE, day.isoformat())
    paths = _paths(where)
    complete = Path(marker.replace(DATE, day.isoformat()))
    if marker and not complete.exists():
        raise ValueError(f"{where} is not complete yet: there is no {complete}")
    if not paths:
        raise ValueError(f"{where} holds no input")
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    if strangers := [path for path in paths if path.suffix not in KINDS]:
        raise ValueError(f"{strangers[0]} is neither .csv nor .parquet")
    if len({path.suffix for path in paths}) > 1:
        raise ValueError(f"{where} holds CSV and parquet files: give one kind of them")
    names = [column.name for column in signature.inputs]
    files = []
    schema: dict[str, pl.DataType] = {}
    for path in paths:
        columns = _schema(path)
        if path.suffix == ".csv" and not marker and not delimited.is_whole(path):
            raise ValueError(
                f"{path} ends in the middle of a line and may be cut: end the last line, or name"
                " the file that marks the input as complete in SERVICE_INPUT_MARKER"
            )
        if missing := [name for name in names if name not in columns]:
            raise ValueError(f"{path} lacks the column {missing[0]!r}, an input of the model")
        if taken := [name for name in reserved if name in columns]:
            raise ValueError(f"{path} has a column {taken[0]!r}, which the output adds: rename it")
        kept = {name: kind for name, kind in columns.items() if name not in names}
        schema = schema or kept
        if kept != schema:
            raise ValueError(f"{path} has other columns beside the inputs than {paths[0]}")
        status = path.stat()
        files.append(
            InputFile(
                name=path.relative_to(folder).as_posix(),
                path=str(path.absolute()),
                kind=KINDS[path.suffix],
                columns=tuple(columns),
                kept=tuple(schema),
                size=status.st_size,
                modified_ns=status.st_mtime_ns,
                sha256=sha256_of(path),
            )
        )
    return files


def check_unchanged(pattern: str, day: date, files: Sequence[InputFile]) -> None:
    """Raise ValueError when a file was written to, or came, or went, since `find` gave `files`."""
    planned = {file.path for file in files}
    there = {str(path.absolute()) for path in _paths(pattern.replace(DATE, day.isoformat()))}
    if changed := sorted(planned ^ there):
        verb = "gone" if changed[0] in planned else "come"
        raise ValueError(f"{changed[0]} has {verb} while the input was scored: run again")
    for file in files:
        status = Path(file.path).stat()
        if (status.st_size, status.st_mtime_ns) != (file.size, file.modified_ns):
            raise ValueError(f"{file.path} has changed while it was scored: run again")


def plan(files: Sequence[InputFile], rows: int) -> Iterator[Part]:
    """The input in parts of at most so many rows; no part holds rows of two files."""
    number = before = 0
    for position, file in enumerate(files):
        first = 0
        for part in _ranges(file, rows):
            yield Part(
                number=number,
                file=position,
                first=first,
                before=before,
                rows=part.rows,
                start=part.start,
                stop=part.stop,
            )
            number, first, before = number + 1, first + part.rows, before + part.rows


def read(file: InputFile, part: Part) -> tuple[pl.DataFrame, NDArray[np.int64], list[Unreadable]]:
    """The rows of a part, the place of each in it, and the records that are no row."""
    if file.kind == "csv":
        extent = Range(part.start, part.stop, part.rows)
        return delimited.read(Path(file.path), extent, file.columns)
    try:
        frame = _scan(Path(file.path)).slice(part.first, part.rows).collect()
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{file.path} cannot be read: {error}") from error
    if frame.height != part.rows:
        raise ValueError(f"{file.path} has changed while it was read")
    return frame, np.arange(part.rows), []


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _paths(where: str) -> list[Path]:
    """What a file, a folder or a pattern names; nothing that is hidden below what is named."""
    given = Path(where)
    named = next(path for path in (given, *given.parents) if path.exists())
    found = [given]
    if named != given:
        names = glob.glob(where, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
        found = [Path(name) for name in names]
    paths: set[Path] = set()
    for path in found:
        paths.update(filter(Path.is_file, path.rglob("*")) if path.is_dir() else [path])
    return sorted(path for path in paths if not _is_hidden(path.relative_to(named)))


def _is_hidden(path: Path) -> bool:
    """As Spark and Hive have it: names that begin with a dot or an underscore are no data."""
    return any(name.startswith((".", "_")) for name in path.parts)


def _schema(path: Path) -> dict[str, pl.DataType]:
    if path.suffix == ".csv":
        return dict.fromkeys(delimited.header(path), pl.String())
    try:
        return dict(pl.read_parquet_schema(path))
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path} is no parquet file: {error}") from error


def _ranges(file: InputFile, rows: int) -> Iterator[Range]:
    if file.kind == "csv":
        yield from delimited.ranges(Path(file.path), rows)
        return
    count = _scan(Path(file.path)).select(pl.len()).collect().item()
    for first in range(0, count, rows):
        yield Range(0, 0, min(rows, count - first))


def _scan(path: Path) -> pl.LazyFrame:
    # The name is taken as it is: a bracket is no pattern, and date=... in it no column.
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)
