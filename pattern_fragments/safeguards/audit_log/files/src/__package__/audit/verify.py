"""Checks an audit log: each chain by itself, then what other chains and logs say of it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from .entries import Begun, link_of
from .key import Key
from .segment import segments
from .walk import Found, Walk, numbered

_HEAD = re.compile(r"(?:([0-9TZ.a-f-]+):)?([0-9]{1,18}):([0-9a-f]{64})")


class Head(NamedTuple):
    """An entry that must be there, and who says so; `chain` is empty where that is not said."""

    chain: str
    n: int
    hash: str
    said_by: str


@dataclass(frozen=True)
class Report:
    """What was found in a log."""

    chains: Sequence[Found]
    findings: Sequence[str]
    notes: Sequence[str]


class _Line(msgspec.Struct):
    message: str = ""
    head: str = ""


def verify(folder: Path, keys: Iterable[Key] = (), heads: Iterable[Head] = ()) -> Report:
    """Check the log in a folder. Each finding is a sentence; what is found is no error of the log.

    `keys` are those of the chains that have macs, `heads` what was told elsewhere. Raises
    FileNotFoundError when the folder holds no log.
    """
    there = segments(folder)
    if not there:
        raise FileNotFoundError(f"{folder} holds no audit log")
    by_name = {key.name: key for key in keys}
    heads = [*heads, *_heads_of_chains(there)]
    named: defaultdict[str, set[int]] = defaultdict(set)
    for head in heads:
        for chain in [head.chain] if head.chain else there:
            named[chain].add(head.n)
    chains = {
        name: Walk(name, by_name, named[name]).through(paths) for name, paths in there.items()
    }
    findings = [finding for found in chains.values() for finding in found.findings]
    notes = [note for found in chains.values() for note in found.notes]
    findings += [
        f"{folder}: somebody else has changed {one.chain} while it was written, says {name}"
        for name, found in chains.items()
        for one in (found.begun.follows if found.begun else ())
        if one.touched
    ]
    wrong = set[str]()
    # Of a chain that was cut, the latest that is known of it tells most.
    for head in sorted(heads, key=lambda head: -head.n):
        if head.chain and head.chain < min(there) and head.said_by in there:
            notes.append(f"{head.chain} came before all that is here, and is not here any more")
        elif head.chain not in wrong and (sentence := _problem(head, chains)):
            findings.append(f"{folder}: {sentence}")
            wrong |= {head.chain} - {""}
    notes += [
        f"{found.chain} has no end: its process is running, or was killed, so that the entries of"
        " its last seconds are missing, or somebody has cut it"
        for found in chains.values()
        if not found.is_closed
    ]
    return Report(list(chains.values()), list(dict.fromkeys(findings)), list(dict.fromkeys(notes)))


def head_of(text: str, said_by: str) -> Head:
    """A head as CHAIN:N:HASH or N:HASH; raises ValueError."""
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no head, such as CHAIN:17:HASH or 17:HASH")
    return Head(match[1] or "", int(match[2]), match[3], said_by)


def heads_in(lines: Iterable[str], said_by: str) -> Iterator[Head]:
    """The heads that a log of the service tells; raises ValueError for one that is none."""
    for line in lines:
        if '"audit head"' not in line:
            continue
        try:
            told = msgspec.json.decode(line[line.index("{") :], type=_Line)
        except (ValueError, msgspec.MsgspecError) as error:
            raise ValueError(f"{said_by} has a head in a line that is no JSON: {error}") from None
        if told.message == "audit head":
            yield head_of(told.head, said_by)


def _heads_of_chains(there: dict[str, list[Path]]) -> Iterator[Head]:
    """What chains say at their beginning of those they follow."""
    for name, paths in there.items():
        with paths[0].open("rb") as file:
            link = link_of(file.readline().rstrip(b"\n"))
        if link is None or not link.is_whole:
            continue  # told when its chain is gone through
        try:
            entry = link.entry()
        except ValueError:
            continue
        if isinstance(entry, Begun):
            for one in entry.follows:
                if one.n >= 0:
                    yield Head(one.chain, one.n, one.hash, name)


def _problem(head: Head, chains: dict[str, Found]) -> str:
    """What is wrong with an entry that must be there; empty when nothing is."""
    if not head.chain:
        is_there = any(found.hashes.get(head.n) == head.hash for found in chains.values())
        sentence = f"no chain has the entry {head.n} that {head.said_by} names: it was changed"
        return "" if is_there else f"{sentence} or removed"
    found = chains.get(head.chain)
    if found is None:
        return f"the chain {head.chain} is missing, which {head.said_by} names"
    if head.n > found.n:
        return (
            f"{head.chain} ends with entry {found.n}, but {head.said_by} names its entry {head.n}:"
            f" {numbered(found.n + 1, head.n)} removed"
        )
    if found.hashes.get(head.n, head.hash) != head.hash:
        return (
            f"{head.chain} has another entry {head.n} than {head.said_by} names:"
            " the chain was written anew"
        )
    return ""
