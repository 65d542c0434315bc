"""The chain of one process: where it begins, goes on in another file, and ends."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from .entries import NOTHING, Begun, Followed, encode, line_of, link_of
from .key import Key
from .segment import ChangedError, Segment, segments

MOST_FOLLOWED = 16
"""Instances that share a folder begin about together: so many of the newest chains are named."""

_BLOCK = 65_536

Beginning = Callable[[str, Sequence[Followed]], Begun]
"""The first entry of a chain, from its name and the chains it follows."""


class Chain:
    """Adds entries to segments in a folder. Another process has a chain of its own."""

    def __init__(
        self, folder: Path, most_bytes: int, key: Key | None, beginning: Beginning
    ) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._key = key
        self._beginning = beginning
        self._segment: Segment | None = None
        self.name = ""
        """Empty before the first entry."""
        self.n = -1
        """Of the newest entry, the head."""
        self.hash = NOTHING
        self._touched: Followed | None = None
        """How the chain before really ended, whatever is found of it on the disk now."""

    @property
    def head(self) -> str:
        """What proves all entries so far: chain, number and hash of the newest."""
        return f"{self.name}:{self.n}:{self.hash}"

    @property
    def segment(self) -> int:
        """The number of the segment that is written; 0 before the first."""
        return self._segment.number if self._segment else 0

    def add(self, entries: Sequence[bytes]) -> None:
        """Add encoded entries, and return when they are on the disk.

        Raises OSError; then none of them is in this chain, and the next call tries again. What
        cannot go on begins anew, in a chain that names this one.
        """
        segment = self._segment
        if segment is None:
            self._begin(entries)
            return
        try:
            if segment.bytes >= self._most_bytes:
                self._segment = Segment(self._folder, self.name, segment.number + 1)
                segment.close()
                segment = self._segment
            self.n, self.hash = self._write(segment, entries, self.n, self.hash)
        except OSError as error:
            is_touched = isinstance(error, ChangedError)
            if is_touched:
                self._touched = Followed(self.name, self.n, self.hash, touched=True)
            if is_touched or segment.is_torn:
                segment.close()
                self._segment = None
            raise

    def close(self) -> None:
        """Nothing more comes."""
        if self._segment is not None:
            self._segment.close()

    def _begin(self, entries: Sequence[bytes]) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z-{token_hex(4)}"
        follows = followed(self._folder)
        if self._touched:
            follows = [one for one in follows if one.chain != self._touched.chain]
            follows.append(self._touched)
        first = encode(self._beginning(name, follows))
        segment = Segment(self._folder, name, 1)
        try:
            n, own = self._write(segment, [first, *entries], -1, NOTHING)
        except OSError:
            segment.remove()
            raise
        self.name, self.n, self.hash, self._segment = name, n, own, segment
        self._touched = None

    def _write(
        self, segment: Segment, entries: Sequence[bytes], n: int, before: str
    ) -> tuple[int, str]:
        lines = []
        for entry in entries:
            n += 1
            line, before = line_of(entry, n, before, self._key)
            lines.append(line)
        segment.add(b"".join(lines))
        return n, before


def followed(folder: Path) -> list[Followed]:
    """How the newest chains in a folder end."""
    chains = segments(folder)
    return [_end_of(name, chains[name]) for name in sorted(chains)[-MOST_FOLLOWED:]]


def _end_of(chain: str, paths: Sequence[Path]) -> Followed:
    torn = 0
    for path in reversed(paths):
        line, rest = _last_line(path)
        torn += rest
        if line:
            link = link_of(line)
            return Followed(chain, link.n, link.hash, torn) if link else Followed(chain, -1, "")
    return Followed(chain, -1, NOTHING, torn)


def _last_line(path: Path) -> tuple[bytes, int]:
    """The last whole line of a file without its end, and how many bytes come after it."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        block = _BLOCK
        while True:
            start = max(0, size - block)
            file.seek(start)
            whole, newline, torn = file.read(size - start).rpartition(b"\n")
            if start == 0 or b"\n" in whole:
                return (whole.rpartition(b"\n")[2] if newline else b""), len(torn)
            block *= 4
