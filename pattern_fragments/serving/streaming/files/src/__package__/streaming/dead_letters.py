"""Dead letters: events without a prediction, as they came, with the reason in their headers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

from .broker import Message, Outgoing

Reason = Literal["malformed", "invalid_input", "failed", "crashed"]
"""No CloudEvent; a row that does not fit the signature; scoring raised an error each time; the
consumers that had it ended without a word each time."""

REASONS: tuple[Reason, ...] = get_args(Reason)

PREFIX = "dead-letter-"
REASON = PREFIX + "reason"
DETAIL = PREFIX + "detail"
DELIVERIES = PREFIX + "deliveries"
TIME = PREFIX + "time"
CUT_FROM = PREFIX + "cut-from-bytes"
REPLAYED = "replayed"
"""A header of events that were dead letters once; their age says nothing about this service."""

MAX_DETAIL = 400
HEADER_ROOM = 2048
"""Bytes that the headers above need at most."""


def dead_letter(event: Message, reason: Reason, detail: str, max_bytes: int) -> Outgoing:
    """The dead letter of an event.

    Its body is the event's, byte for byte, unless with its headers it would be larger than the
    broker takes; then the end is missing, and a header says so.
    """
    kept = own_headers(event)
    headers = kept | {
        REASON: reason,
        DETAIL: _one_line(detail),
        DELIVERIES: str(event.deliveries),
        TIME: datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    room = max(0, max_bytes - HEADER_ROOM - _size(kept))
    if len(event.body) > room:
        headers[CUT_FROM] = str(len(event.body))
    return Outgoing(f"dead-letter-{event.position}", event.body[:room], headers)


def revived(letter: Message) -> Outgoing:
    """The event of a dead letter, to be published again; its body, and so its id, is the same.

    The key is new: a broker that removes duplicates by key would remove the event.
    """
    headers = own_headers(letter) | {REPLAYED: letter.headers.get(TIME, "")}
    return Outgoing(f"replay-{letter.position}", letter.body, headers)


def moved(event: Message) -> Outgoing:
    """The event, to be added to its stream anew."""
    return Outgoing(f"moved-{event.position}", event.body, own_headers(event))


def own_headers(message: Message) -> dict[str, str]:
    """The headers without those that are about this one message only.

    What a dead letter says of itself is none of its event's, whoever wrote it. NATS obeys
    `Nats-*`, whoever wrote them: a copy of `Nats-Expected-Stream` would be refused in every other
    stream.
    """
    return {
        name: value
        for name, value in message.headers.items()
        if name != "key" and not name.lower().startswith((PREFIX, "nats-"))
    }


def _one_line(text: str) -> str:
    """Printable ASCII, as headers want it."""
    line = " ".join(text.split()).encode("ascii", "backslashreplace").decode()
    return "".join(character if " " <= character <= "~" else "?" for character in line)[:MAX_DETAIL]


def _size(headers: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())
