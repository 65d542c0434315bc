"""The files of the log: date=YYYY-MM-DD/..., a day after its predictions, never changed again."""

import hashlib
import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import polars as pl

from ..object_store import is_url, place, write_parquet

SCRATCH_AGE_S = 3600.0
"""What somebody else is still writing is younger than this."""

DAY = f"date={'[0-9]' * 4}-[0-9][0-9]-[0-9][0-9]"
"""The folders of days. Only files of the log are ever removed from them."""


class Store:
    """A folder, or a place in an object store, that rows are added to.

    In a folder days go after `keep_days`, and the oldest files beyond `most_bytes`. An object store
    keeps what its own rules say. Raises ValueError, with the name of the `setting`, for what is no
    place.
    """

    def __init__(
        self,
        where: str,
        keep_days: int,
        most_bytes: int,
        setting: str = "SERVICE_PREDICTION_LOG",
    ) -> None:
        self._where = place(where, setting)
        self._keep = timedelta(days=keep_days)
        self._most_bytes = most_bytes
        self._tidied = ""
        self._bytes = 0

    def write(self, rows: pl.DataFrame) -> None:
        """Write rows, a file for each day of theirs; raises one of `object_store.ERRORS`.

        Those of a later day may then be missing. To write all again does no harm: readers take
        each prediction once.
        """
        now = datetime.now(UTC)
        days = rows.with_columns(date=pl.col("time").dt.date()).partition_by(
            "date", include_key=False, as_dict=True
        )
        for (day,), some in sorted(days.items()):
            name = file_name(some, f"{now:%Y%m%dT%H%M%S}-{token_hex(6)}")
            where = f"{self._where}/date={day}/{name}"
            write_parquet(some, where)
            if not is_url(where):
                self._bytes += _size(Path(where))

    def tidy(self) -> None:
        """Remove what is too old or too much: once a day, and whenever it has become too much.

        Raises the first OSError when all that can be removed is.
        """
        now = datetime.now(UTC)
        today = f"{now:%Y-%m-%d}"
        if is_url(self._where) or (today == self._tidied and self._bytes <= self._most_bytes):
            return
        folder = Path(self._where)
        if today != self._tidied:
            self._remove_scratch(folder)
        self._tidied = today
        # By the day of the predictions first, then by when they were written.
        files = sorted(folder.glob(f"{DAY}/*.parquet"))
        sizes = {path: _size(path) for path in files}
        self._bytes = sum(sizes.values())
        oldest = f"date={now - self._keep:%Y-%m-%d}"
        errors = []
        for path, size in sizes.items():
            if path.parent.name >= oldest and self._bytes <= self._most_bytes:
                break
            try:
                path.unlink(missing_ok=True)
                self._bytes -= size
            except OSError as error:
                errors.append(error)
        for day in folder.glob(DAY):
            if day.name < oldest:
                with suppress(OSError):  # somebody keeps something of his own there
                    day.rmdir()
        if errors:
            raise errors[0]

    def _remove_scratch(self, folder: Path) -> None:
        """Remove what processes that were killed had begun to write."""
        for path in folder.glob(f"{DAY}/.*.parquet-*"):
            try:
                if time.time() - path.stat().st_mtime > SCRATCH_AGE_S:
                    path.unlink()
            except OSError:
                continue  # another process was faster


def file_name(rows: pl.DataFrame, first: str) -> str:
    """A name that ends in what tells files apart that cannot be read as one."""
    shape = hashlib.sha256(repr(sorted(rows.schema.items())).encode()).hexdigest()[:8]
    return f"{first}-{shape}.parquet"


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - fewer objects for many files
    except OSError:
        return 0  # another process has removed it
