"""The entries of the audit log, and how each holds on to the one before.

An entry is a line of JSON. `n` counts them from 0 within a chain; `before` is the hash of the entry
before, and of a chain's first entry 64 zeros. At the end of the line stand

    hash = SHA-256(the line without `hash` and `mac`), in hex
    mac  = HMAC-SHA256(key of the entries, hash), in hex; only where the service has a key

So an entry cannot be changed without its hash, nor its hash without the next entry, and so on to
the last: who knows the hash of the last one, the head, knows all of them. Contents are never
there, only digests of them: what is erased elsewhere breaks no chain.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from .key import Key

NOTHING = "0" * 64
"""Before the first entry."""

Ids = Sequence[str | tuple[str, int, int]]
"""Prediction ids: as they are, or ("a", 0, 2) for a-0, a-1 and a-2."""

_NUMBER = re.compile("0|[1-9][0-9]{0,17}")
_LINE = re.compile(
    rb'(\{"n":(0|[1-9][0-9]{0,17}),"kind":.*,"before":"([0-9a-f]{64})"),"hash":"([0-9a-f]{64})"'
    rb'(?:,"mac":"([0-9a-f]{64})")?\}'
)


Why = Literal["overload", "unwritable", "defect"]
"""Of a gap: more came than can be observed, the disk took nothing, an entry could not be made."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    time: datetime


class Model(msgspec.Struct, frozen=True):
    """What answers: `sha256` is of the graph and the signature, one after the other."""

    name: str
    version: str
    sha256: str


class Followed(msgspec.Struct, frozen=True, omit_defaults=True):
    """How another chain in the folder ended when this one began."""

    chain: str
    n: int
    """Of its last entry; -1 when it had none."""
    hash: str
    torn: int = 0
    """Bytes after it that are no whole entry: their process was killed, or is still writing."""
    touched: bool = False
    """Its own process says so, for somebody else had changed it while it was written."""


class Begun(_Entry, frozen=True, kw_only=True, tag="begun"):
    """The first entry: a process, and what it answers with."""

    chain: str
    host: str
    process: int
    package: str
    """Name and version."""
    code: str
    """SHA-256 of the package's source."""
    model: Model
    key: str = ""
    """The name of the key of the entries; empty: there is none."""
    follows: Sequence[Followed] = ()
    """The newest chains in the folder."""


class Answered(_Entry, frozen=True, kw_only=True, tag="answered"):
    """A call that was answered, of one or more rows."""

    request: str = ""
    caller: str = ""
    """Who asked, where callers are told apart."""
    ids: Ids
    rows: int
    version: str
    inputs: str
    predictions: str


class Refused(_Entry, frozen=True, kw_only=True, tag="refused"):
    """How much got no prediction since the entry before, by reason."""

    reasons: Mapping[str, int]


class Gap(_Entry, frozen=True, kw_only=True, tag="gap"):
    """Rows that were answered, and that no entry tells of."""

    rows: int
    why: Why


class Closed(_Entry, frozen=True, kw_only=True, tag="closed"):
    """The last entry: the process has ended in order."""


Entry = Begun | Answered | Refused | Gap | Closed

encode = msgspec.json.Encoder().encode
"""An entry as bytes of JSON, without its place in a chain."""

_decoder = msgspec.json.Decoder(Entry)


class Link(NamedTuple):
    """A line of a chain, taken apart."""

    n: int
    before: str
    hash: str
    mac: str
    body: bytes
    """What the hash is of."""

    @property
    def is_whole(self) -> bool:
        """Whether the hash is that of the content."""
        return sha256(self.body).hexdigest() == self.hash

    def entry(self) -> Entry:
        """The content; raises ValueError when it is none that this version knows."""
        try:
            entry: Entry = _decoder.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"is no entry of an audit log: {error}") from None
        return entry


def line_of(entry: bytes, n: int, before: str, key: Key | None) -> tuple[bytes, str]:
    """An encoded entry as a line at its place in a chain, and its hash."""
    body = b'{"n":%d,%b,"before":"%b"' % (n, entry[1:-1], before.encode())
    own = sha256(body + b"}").hexdigest()
    mac = b',"mac":"%b"' % key.mac(own).encode() if key else b""
    return b'%b,"hash":"%b"%b}\n' % (body, own.encode(), mac), own


def link_of(line: bytes) -> Link | None:
    """A line, without its end, taken apart; None when it is no entry."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    body, n, before, own, mac = match.groups(b"")
    return Link(int(n), before.decode(), own.decode(), mac.decode(), body + b"}")


def ids_of(ids: Sequence[str]) -> Ids:
    """Ids, with those that count on from each other drawn together."""
    drawn: list[str | tuple[str, int, int]] = []
    for one in ids:
        stem, number = _parts(one)
        if number is None:
            drawn.append(one)
            continue
        last = drawn[-1] if drawn else ""
        if isinstance(last, tuple) and last[0] == stem and last[2] == number - 1:
            drawn[-1] = (stem, last[1], number)
        else:
            drawn.append((stem, number, number))
    return drawn


def has_id(ids: Ids, identity: str) -> bool:
    """Whether an id is among them."""
    stem, number = _parts(identity)
    if number is None:
        return identity in ids
    return any(one[0] == stem and one[1] <= number <= one[2] for one in ids if type(one) is tuple)


def _parts(identity: str) -> tuple[str, int | None]:
    """An id such as a-7 as "a" and 7; of another one there is no number."""
    stem, dash, tail = identity.rpartition("-")
    if dash and _NUMBER.fullmatch(tail):
        return stem, int(tail)
    return identity, None
