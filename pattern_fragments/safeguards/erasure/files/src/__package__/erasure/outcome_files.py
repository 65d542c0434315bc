"""The outcomes as they lie there, in files of several kinds that others have written."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import polars as pl

from ..object_store import ERRORS, is_url, options, place, write_parquet
from ..outcomes import MOMENT, names
from .files import TRIES, ChangedError, remove, replace, state_of, unreadable
from .place import Expired

Gone = Callable[[str, date | None], bool]
"""Whether the row of a prediction goes, by its id and the day of its outcome, if that is known."""


class _Outcome(msgspec.Struct):
    prediction_id: str | int
    labelled_at: str | None = None


class OutcomeFiles:
    """A file, a folder, a pattern, or a URL of one of these: what the setting of outcomes names.

    Other columns, and in JSON lines every byte of the rows that stay, are left as they are.
    Outcomes in an object store are parquet: for others every call raises ValueError, and so does
    the constructor for what is no place. A row without a moment is as old as the last change of its
    file, where that is known.
    """

    def __init__(self, setting: str, where: str) -> None:
        self.setting = setting
        self._where = place(where, setting)

    def is_here(self) -> bool:
        """Whether there are files; of an object store that is taken for granted."""
        return is_url(self._where) or bool(names(self._where))

    def holding(self, ids: Set[str]) -> Mapping[str, Set[str]]:
        """The files with outcomes of these predictions, and of which of them."""
        held: dict[str, set[str]] = defaultdict(set)
        for file in self._files():
            for prediction, _ in _rows(file):
                if prediction in ids:
                    held[file].add(prediction)
        return held

    def remove(self, file: str, ids: Set[str]) -> int:
        """Rewrite a file without the outcomes of these predictions; how many rows that were."""
        return _rewrite(file, lambda prediction, _: prediction in ids)

    def expire(self, before: date, *, dry_run: bool) -> Expired:
        """Delete the outcomes that were known before this day, or only say in how many files."""

        removed = shortened = 0
        errors: list[OSError | ValueError] = []
        for file in self._files():
            changed = _changed(file)

            def is_old(_: str, known: date | None, changed: date = changed) -> bool:
                return (known or changed) < before

            try:
                old = [is_old(*row) for row in _rows(file)]
                if any(old) and not dry_run:
                    _rewrite(file, is_old)
            except (OSError, ValueError) as error:
                # One file that is broken keeps nobody's data in the others.
                errors.append(error)
                continue
            removed += bool(old) and all(old)
            shortened += any(old) and not all(old)
        if errors:
            raise errors[0]
        return Expired(removed, shortened)

    def _files(self) -> list[str]:
        found = names(self._where)
        if not is_url(self._where):
            return list(found)
        if self._where.endswith((".csv", ".jsonl")):
            raise ValueError(
                f"{self.setting}={self._where}: in an object store only outcomes in parquet can be"
                " erased; write them as such"
            )
        try:
            held = pl.scan_parquet(
                list(found),
                schema={"prediction_id": pl.String},
                extra_columns="ignore",
                hive_partitioning=False,
                include_file_paths="file",
                storage_options=options(self._where),
            )
            return held.select(pl.col("file").unique().sort()).collect()["file"].to_list()
        except ERRORS as error:
            raise unreadable(self._where, error) from error


def _changed(file: str) -> date:
    """The day (UTC) on which a file was last changed; where nobody knows, the last day there is."""
    if is_url(file):
        return date.max
    try:
        return datetime.fromtimestamp(Path(file).stat().st_mtime, UTC).date()
    except FileNotFoundError:
        return date.max


def _rows(file: str) -> Iterator[tuple[str, date | None]]:
    """Id and day of each row; raises ValueError when the file cannot be read."""
    try:
        if file.endswith(".parquet"):
            yield from _of_parquet(_read(file))
        elif file.endswith(".csv"):
            _, rows = _read_csv(Path(file).read_bytes())
            yield from ((prediction, known) for prediction, known, _ in rows)
        else:
            lines = enumerate(Path(file).read_bytes().splitlines(), start=1)
            yield from (_of_line(line, number) for number, line in lines if line.strip())
    except FileNotFoundError:
        return
    except (*ERRORS, msgspec.MsgspecError, LookupError, ValueError, csv.Error) as error:
        raise unreadable(file, error) from error


def _rewrite(file: str, gone: Gone) -> int:
    """Write the file anew without the rows that go; how many those are."""
    for _ in range(TRIES):
        try:
            return _rewritten(file, gone)
        except FileNotFoundError:
            return 0
        except ChangedError:
            continue
    raise OSError(f"{file} is being written: put outcomes into place when they are whole")


def _rewritten(file: str, gone: Gone) -> int:
    if is_url(file):
        frame = _read(file)
        is_left = [not gone(*row) for row in _of_parquet(frame)]
        if not all(is_left):
            write_parquet(frame.filter(pl.Series(is_left, dtype=pl.Boolean)), file)
        return is_left.count(False)
    path = Path(file)
    seen = state_of(path)
    content, left, lost = _without(path, gone)
    if lost and left:
        replace(path, content, seen)
        # Rows without a moment are not younger for it.
        os.utime(path, ns=(seen.changed_ns, seen.changed_ns))
    elif lost:
        if state_of(path) != seen:
            raise ChangedError(path)
        remove(path)
    return lost


def _without(path: Path, gone: Gone) -> tuple[bytes, int, int]:
    """The content without the rows that go; how many are left, and how many are not."""
    if path.suffix == ".parquet":
        frame = _read(str(path))
        is_left = [not gone(*row) for row in _of_parquet(frame)]
        buffer = io.BytesIO()
        frame.filter(pl.Series(is_left, dtype=pl.Boolean)).write_parquet(buffer, compression="zstd")
        return buffer.getvalue(), is_left.count(True), is_left.count(False)
    if path.suffix == ".csv":
        header, rows = _read_csv(path.read_bytes())
        kept = [row for prediction, known, row in rows if not gone(prediction, known)]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *kept])
        return text.getvalue().encode(), len(kept), len(rows) - len(kept)
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.strip()]
    some = [line for number, line in enumerate(lines, 1) if not gone(*_of_line(line, number))]
    return b"".join(some), len(some), len(lines) - len(some)


def _read(file: str) -> pl.DataFrame:
    return pl.read_parquet(file, glob=False, hive_partitioning=False, storage_options=options(file))


def _of_parquet(frame: pl.DataFrame) -> Iterator[tuple[str, date | None]]:
    moment = pl.col("labelled_at")
    if frame.schema["labelled_at"] == pl.String:
        moment = moment.str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
    rows = frame.select(pl.col("prediction_id").cast(pl.String), moment.cast(MOMENT).dt.date())
    yield from rows.iter_rows()


def _read_csv(content: bytes) -> tuple[list[str], list[tuple[str, date | None, list[str]]]]:
    header, *rows = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))] or [[]]
    if missing := {"prediction_id", "labelled_at"}.difference(header):
        raise ValueError(f"it has no column {min(missing)}")
    prediction, known = header.index("prediction_id"), header.index("labelled_at")
    found = []
    for number, row in enumerate(rows, start=2):
        if row and len(row) < len(header):
            raise ValueError(f"row {number} has {len(row)} of {len(header)} columns")
        if row:
            found.append((row[prediction], _day(row[known]), row))
    return header, found


def _of_line(line: bytes, number: int) -> tuple[str, date | None]:
    try:
        found = msgspec.json.decode(line, type=_Outcome)
    except msgspec.MsgspecError as error:
        raise ValueError(f"line {number}: {error}") from None
    return str(found.prediction_id), _day(found.labelled_at)


def _day(text: str | None) -> date | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError(f"labelled_at must be a time with its UTC offset, not {text}")
    return moment.astimezone(UTC).date()
