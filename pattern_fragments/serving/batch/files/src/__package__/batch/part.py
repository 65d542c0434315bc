"""One part: read, checked, scored, written. Every engine calls this and nothing else."""

import hashlib
import io
import math
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns, Problem
from ..domain.asking import is_of
from ..observer import Scored
from ..scoring import Scorer, score_valid
from ..signature import Signature
from . import source
from .delimited import Unreadable
from .frame_encoder import FrameEncoder, Problems
from .manifest import PartRecord
from .source import InputFile, Part

_Entry = dict[str, Any]

QUARANTINE = "quarantine"


class Job(msgspec.Struct, frozen=True):
    """What all parts of a run have in common; every machine that scores sees its folder."""

    folder: str
    day: date
    version: str
    files: tuple[InputFile, ...]


class PartResult(msgspec.Struct, frozen=True):
    """A part that was written, and what observers are to hear of it."""

    record: PartRecord
    scored: Scored | None
    """None when no row could be scored."""


class PredictionIds(Sequence[str]):
    """The ids of a part's predictions: the version of the output and the row's number in the input.

    They are made when somebody asks for one.
    """

    def __init__(self, version: str, numbers: NDArray[np.int64]) -> None:
        self._version = version
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> "PredictionIds": ...
    def __getitem__(self, row: int | slice) -> "str | PredictionIds":
        """The id of a row."""
        if isinstance(row, slice):
            return PredictionIds(self._version, self._numbers[row])
        return f"{self._version}-{self._numbers[row]}"


def output_columns(signature: Signature) -> tuple[str, ...]:
    """The columns that the output adds to those of the input."""
    return ("prediction_id", signature.output.name, "model_version", "source_file", "source_row")


def score_part(scorer: Scorer, signature: Signature, job: Job, part: Part) -> PartResult:
    """Score a part and write its files into the job's folder.

    Raises ValueError when the input is not what it was when the run was planned.
    """
    file = job.files[part.file]
    frame, places, unreadable = source.read(file, part)
    columns, problems = FrameEncoder(signature.inputs, file.kind == "csv").encode(frame)
    problems = {**_of_another_day(signature, columns, job.day), **problems}
    good = np.ones(frame.height, np.bool_)
    good[list(problems)] = False
    rows = places + part.first + 1
    numbers = part.before - part.first + rows
    predictions, scored = np.empty(0, np.float32), None
    if good.any():
        if problems:
            columns = {name: values[good] for name, values in columns.items()}
        ids = PredictionIds(job.version, numbers[good])
        scored, refused = score_valid(scorer, columns, ids)
        if refused:
            problems = {**problems, **_at(np.flatnonzero(good), refused)}
            good[list(problems)] = False
    if scored is not None:
        predictions = np.ascontiguousarray(scored.predictions)
    quarantine = [
        *(_line_entry(file, part, line) for line in unreadable),
        *_row_entries(file, part, frame, places, problems),
    ]
    if problems:
        frame, rows, numbers = frame.filter(good), rows[good], numbers[good]
    identity, output, version, name, row = output_columns(signature)
    frame = frame.select(
        *file.kept,
        pl.format("{}-{}", pl.lit(job.version), pl.Series(numbers)).alias(identity),
        pl.Series(output, predictions),
        pl.lit(signature.version).alias(version),
        pl.lit(file.name).alias(name),
        pl.Series(row, rows),
    )
    content = _parquet(frame)
    _replace(Path(job.folder) / f"{part.name}.parquet", content)
    quarantine.sort(key=lambda entry: entry["row"])
    lines = b"".join(msgspec.json.encode(entry, enc_hook=str) + b"\n" for entry in quarantine)
    if lines:
        _replace(Path(job.folder) / QUARANTINE / f"{part.name}.jsonl", lines)
    reasons = Counter(
        f"{problem['field']} {problem['reason']}".strip()
        for entry in quarantine
        for problem in entry["problems"]
    )
    record = PartRecord(
        name=part.name,
        rows=part.rows,
        scored=len(rows),
        sha256=hashlib.sha256(content).hexdigest(),
        quarantine_sha256=hashlib.sha256(lines).hexdigest() if lines else None,
        reasons=dict(sorted(reasons.items())),
    )
    return PartResult(record, scored)


def _at(rows: NDArray[np.int64], refused: Mapping[int, Sequence[Problem]]) -> Problems:
    """What is wrong with some of these rows, by their number in the frame."""
    return {
        int(rows[place]): [(problem.field, problem.reason) for problem in problems]
        for place, problems in refused.items()
    }


def _of_another_day(signature: Signature, columns: Columns, day: date) -> Problems:
    """The rows that belong to another run: their features would be of the wrong moment."""
    moments = pl.DataFrame(
        {
            column.name: pl.from_epoch(pl.Series(columns[column.name])).dt.replace_time_zone("UTC")
            for column in signature.inputs
            if column.type == "timestamp"
        }
    )
    rows = moments.select((~is_of(day)).arg_true()).to_series()
    return {row: [("", f"is of another day than {day}")] for row in rows}


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # Nobody looks for a range of ids or predictions: statistics would only cost time.
    frame.write_parquet(buffer, compression="lz4", statistics=False)
    return buffer.getvalue()


def _line_entry(file: InputFile, part: Part, line: Unreadable) -> _Entry:
    problems = [{"field": "", "reason": line.reason}]
    row = part.first + line.row + 1
    return {"file": file.name, "row": row, "problems": problems, "line": line.text}


def _row_entries(
    file: InputFile,
    part: Part,
    frame: pl.DataFrame,
    places: NDArray[np.int64],
    problems: Problems,
) -> Iterator[_Entry]:
    for row in sorted(problems):
        values = frame.row(row, named=True)
        yield {
            "file": file.name,
            "row": part.first + int(places[row]) + 1,
            "problems": [{"field": field, "reason": why} for field, why in problems[row]],
            "values": {name: _plain(value) for name, value in values.items()},
        }


def _plain(value: object) -> object:
    """A value for JSON, which has no NaN and no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _replace(path: Path, content: bytes) -> None:
    """Write a file that stands there whole or not at all, after a kill at any moment.

    It may be lost with the machine: whoever collects the parts brings them to the disk.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    scratch.write_bytes(content)
    scratch.replace(path)
