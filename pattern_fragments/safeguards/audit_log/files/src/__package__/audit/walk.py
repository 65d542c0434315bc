"""Goes through the entries of one chain, and finds what is not as it was written."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .entries import NOTHING, Answered, Begun, Closed, Entry, Gap, Link, Refused, link_of
from .key import Key
from .segment import NAME


@dataclass
class Found:
    """What one chain holds; each finding is a sentence that begins with file and line."""

    chain: str
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    """Of the entries that somebody else has named."""
    n: int = -1
    hash: str = NOTHING
    """The head."""
    is_closed: bool = False
    begun: Begun | None = None
    entries: int = 0
    calls: int = 0
    rows: int = 0
    refused: int = 0
    missing_rows: int = 0
    """Rows that were answered without an entry, as gaps say."""

    @property
    def head(self) -> str:
        """Chain, number and hash of the last entry."""
        return f"{self.chain}:{self.n}:{self.hash}"


class Walk:
    """One chain, entry by entry. A change gives one finding, so that what follows is told apart."""

    def __init__(self, chain: str, keys: Mapping[str, Key], named: Collection[int]) -> None:
        self.found = Found(chain)
        self._keys = keys
        self._named = named
        self._expected = 0
        self._before: str | None = NOTHING
        """The hash that the next entry must name; None where that is not known."""
        self._garbled = 0
        """Lines that were no entries since the last one that was."""
        self._holes: list[tuple[int, int, str]] = []
        """First and last number of entries that are missing, and where that showed."""

    def through(self, paths: Sequence[Path]) -> Found:
        """Go through the segments of the chain, which are given in order."""
        for path in paths:
            for number, line, is_last in _lines(path):
                where = f"{path}:{number}"
                if line.endswith(b"\n"):
                    self._line(where, line[:-1])
                elif is_last and path == paths[-1]:
                    self._torn(where, len(line))
                else:
                    self._tell(where, "the line has no end: it was cut")
        for first, last, where in self._holes:
            self._tell(where, f"{numbered(first, last)} missing before this one: removed")
        self._names(paths)
        return self.found

    def _line(self, where: str, line: bytes) -> None:
        link = link_of(line)
        if link is None:
            self._garbled += 1
            self._before = None
            self._tell(where, "the line is no entry of an audit log: it was changed or put there")
            return
        if not link.is_whole:
            self._tell(where, f"entry {self._expected} was changed: its hash is of another content")
            self._take(link, self._expected)
            self._before = None
            return
        if self._is_in_place(where, link):
            self._content(where, link)
        self._mac(where, link)

    def _is_in_place(self, where: str, link: Link) -> bool:
        """Whether an entry is the next one, or the first after some that are missing."""
        n, expected = link.n, self._expected
        if n < expected:
            if not self._fills_hole(where, n):
                self._tell(where, f"a second entry {n} stands here: one of both was put there")
                if n == expected - 1:
                    self._before = link.hash
            return False
        if n > expected + self._garbled:
            self._holes.append((expected + self._garbled, n - 1, where))
        elif n == expected and self._before not in (None, link.before):
            self._tell(where, f"entry {n} does not follow the one before: one of both was replaced")
        self._take(link, n)
        return True

    def _take(self, link: Link, n: int) -> None:
        self._expected, self._before, self._garbled = n + 1, link.hash, 0
        self.found.n, self.found.hash = n, link.hash
        self.found.entries += 1
        if n in self._named:
            self.found.hashes[n] = link.hash

    def _fills_hole(self, where: str, n: int) -> bool:
        for index, (first, last, since) in enumerate(self._holes):
            if first <= n <= last:
                parts = [(first, n - 1, since), (n + 1, last, since)]
                self._holes[index : index + 1] = [part for part in parts if part[0] <= part[1]]
                after = self._expected - 1
                self._tell(where, f"entry {n} stands after entry {after}: the order was changed")
                return True
        return False

    def _content(self, where: str, link: Link) -> None:
        try:
            entry = link.entry()
        except ValueError as error:
            self._tell(where, f"entry {link.n} {error}")
            return
        if self.found.is_closed:
            self._tell(where, f"entry {link.n} stands after the end of the chain: it was put there")
        if isinstance(entry, Begun) != (link.n == 0):
            self._tell(where, f"entry {link.n} is of a kind that cannot stand there")
        elif isinstance(entry, Begun):
            self._begin(where, entry)
        self._count(entry)

    def _begin(self, where: str, entry: Begun) -> None:
        self.found.begun = entry
        if entry.chain != self.found.chain:
            self._tell(where, f"the file bears the name of another chain: it holds {entry.chain}")
        if entry.key and self._keys and entry.key not in self._keys:
            self._tell(
                where,
                f"the chain has macs of the key {entry.key}, which is none of those given: it was"
                " written anew, or --key has to name the file of that key, too",
            )
        elif entry.key and not self._keys:
            self._note(f"its macs were not checked, for the key {entry.key} was not given")
        if self._keys and not entry.key:
            self._tell(where, "the chain has no macs, though a key was given")

    def _count(self, entry: Entry) -> None:
        found = self.found
        match entry:
            case Answered():
                found.calls += 1
                found.rows += entry.rows
            case Refused():
                found.refused += sum(entry.reasons.values())
            case Gap():
                found.missing_rows += entry.rows
                self._note(f"{entry.rows} rows were answered without an entry ({entry.why})")
            case Closed():
                found.is_closed = True
            case Begun():
                pass

    def _mac(self, where: str, link: Link) -> None:
        begun = self.found.begun
        if begun is None:
            return
        key = self._keys.get(begun.key)
        if bool(begun.key) != bool(link.mac):
            has = "has a mac, and the chain no key" if link.mac else "has no mac"
            self._tell(where, f"entry {link.n} {has}: it was put there or changed")
        elif key and not key.is_mac(link.hash, link.mac):
            self._tell(where, f"entry {link.n} was written without the key: its mac is wrong")

    def _torn(self, where: str, size: int) -> None:
        if self.found.is_closed:
            self._tell(where, "something stands after the end of the chain: it was put there")
        else:
            self._note(f"ends in {size} bytes that are no whole entry: its process was killed")

    def _names(self, paths: Sequence[Path]) -> None:
        """A segment that is missing has taken its entries with it; one too many is an odd file."""
        for number, path in enumerate(paths, start=1):
            match = NAME.fullmatch(path.name)
            if match and int(match[2]) != number:
                self._note(f"its segment {number} is not there")
                return

    def _tell(self, where: str, sentence: str) -> None:
        self.found.findings.append(f"{where}: {sentence}")

    def _note(self, sentence: str) -> None:
        self.found.notes.append(f"{self.found.chain} {sentence}")


def _lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """The lines of a file with their numbers and ends, and whether nothing comes after."""
    with path.open("rb") as file:
        left = file.seek(0, os.SEEK_END)
        file.seek(0)
        for number, line in enumerate(file, start=1):
            # What a process adds meanwhile is for the next time.
            yield number, line[:left], len(line) >= left
            left -= len(line)
            if left <= 0:
                return


def numbered(first: int, last: int) -> str:
    """The subject of a sentence about some entries."""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
