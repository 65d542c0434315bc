"""A file of a chain: lines are added to it, whole or not at all."""

import os
import re
from contextlib import suppress
from pathlib import Path

NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8})\.(\d{6})\.jsonl", re.ASCII)
"""The chain, and the number of the segment in it."""

MODE = 0o640


class ChangedError(OSError):
    """Somebody else has moved, cut or written the file, or made one in its place."""


class Segment:
    """A segment that this process adds to."""

    def __init__(self, folder: Path, chain: str, number: int) -> None:
        """Make the file; raises OSError, and ChangedError when somebody else has made it."""
        self.path = folder / f"{chain}.{number:06}.jsonl"
        self.number = number
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._file = os.open(self.path, flags, MODE)
        except FileExistsError:
            raise ChangedError(f"{self.path} was made by somebody else") from None
        self.bytes = 0
        """What is on the disk for sure."""
        try:
            _sync_folder(folder)
        except OSError:
            self.remove()
            raise

    def add(self, lines: bytes) -> None:
        """Add lines, and return when they are on the disk. Raises OSError; then none is there.

        ChangedError, or `is_torn`, says that no more can be added to this segment.
        """
        self._check()
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.bytes)
            raise
        self.bytes += len(lines)

    @property
    def is_torn(self) -> bool:
        """Whether a part of what could not be added is there all the same."""
        try:
            return os.fstat(self._file).st_size != self.bytes
        except OSError:
            return True

    def close(self) -> None:
        """Nothing more comes."""
        with suppress(OSError):
            os.close(self._file)

    def remove(self) -> None:
        """Take the file away, of which nothing was written; what lies there instead stays."""
        with suppress(OSError):
            if os.path.samestat(self.path.stat(), os.fstat(self._file)):
                self.path.unlink()
        self.close()

    def _check(self) -> None:
        """Raises ChangedError when the path is not this file, or the file not as it was left."""
        mine = os.fstat(self._file)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            raise ChangedError(f"{self.path} was removed while it was written") from None
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            raise ChangedError(f"{self.path} was replaced while it was written")
        if mine.st_size != self.bytes:
            raise ChangedError(f"{self.path} was changed by somebody else while it was written")


def segments(folder: Path) -> dict[str, list[Path]]:
    """The segments in a folder by chain, both in order."""
    chains: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if match := NAME.fullmatch(path.name):
            chains.setdefault(match[1], []).append(path)
    return chains


def _sync_folder(folder: Path) -> None:
    """A new file is lost with the machine as long as its folder is not on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
