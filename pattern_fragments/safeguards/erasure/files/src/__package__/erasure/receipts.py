"""What was erased and when: receipts that name nobody."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Literal

import msgspec
import polars as pl

from ..object_store import ERRORS, is_url, options, place, write_parquet
from .files import sync_folder, unreadable

FILE_NAME = "erasures.jsonl"
LOCK = ".erasing"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that began or ended. `ids` are SHA-256 of those of the predictions."""

    at: datetime
    event: Literal["began", "ended"]
    ids: Sequence[str]
    rows: Mapping[str, int] = {}
    """How many were removed since it began, by the setting that names the place."""


def hashed(prediction: str) -> str:
    """What a receipt says of a prediction's id."""
    return hashlib.sha256(prediction.encode()).hexdigest()


class Receipts:
    """Those beside a log: lines of erasures.jsonl in a folder, in an object store one object each.

    That an erasure began is written before the first row goes: one that was interrupted is known
    when it is called for again.
    """

    def __init__(self, where: str, setting: str) -> None:
        self._where = place(where, setting)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one erasure at a time on this machine; raises BlockingIOError beside another.

        In an object store nobody can keep others out: there the caller has to.
        """
        if is_url(self._where):
            yield
            return
        Path(self._where).mkdir(parents=True, exist_ok=True)
        with (Path(self._where) / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def append(
        self,
        event: Literal["began", "ended"],
        ids: Sequence[str],
        rows: Mapping[str, int] | None = None,
    ) -> None:
        """Add a receipt about predictions, by their ids; it is on the disk when this returns."""
        now = datetime.now(UTC).replace(microsecond=0)
        receipt = Receipt(at=now, event=event, ids=sorted(map(hashed, ids)), rows=rows or {})
        line = msgspec.json.encode(receipt)
        if is_url(self._where):
            name = f"{now:%Y%m%dT%H%M%S}-{token_hex(6)}.parquet"
            write_parquet(
                pl.DataFrame({"receipt": [line.decode()]}), f"{self._where}/erasures/{name}"
            )
            return
        path = Path(self._where) / FILE_NAME
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # What a machine that failed has left of a line must not spoil this one.
                line = line if file.read() == b"\n" else b"\n" + line
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)

    def erased(self) -> set[str]:
        """The hashed ids of everything that was ever erased, or begun to be; raises ValueError."""
        found: set[str] = set()
        for line in self._lines():
            try:
                found.update(msgspec.json.decode(line, type=Receipt).ids)
            except msgspec.DecodeError:
                continue  # the rest of a line that a machine could not finish
        return found

    def unended(self) -> set[str]:
        """The hashed ids of what was begun to be erased, and never ended; raises ValueError."""
        found: set[str] = set()
        for line in self._lines():
            try:
                receipt = msgspec.json.decode(line, type=Receipt)
            except msgspec.DecodeError:
                continue  # the rest of a line that a machine could not finish
            change = found.update if receipt.event == "began" else found.difference_update
            change(receipt.ids)
        return found

    def _lines(self) -> Iterator[bytes]:
        if not is_url(self._where):
            path = Path(self._where) / FILE_NAME
            if path.exists():
                yield from path.read_bytes().splitlines()
            return
        try:
            found = pl.scan_parquet(
                f"{self._where}/erasures/*.parquet",
                schema={"receipt": pl.String},
                hive_partitioning=False,
                storage_options=options(self._where),
            ).collect()
        except ERRORS as error:
            raise unreadable(f"{self._where}/erasures", error) from error
        yield from (line.encode() for line in found["receipt"])
