"""The seam between the consumer and a message broker, and which broker a URL means.

A broker keeps three streams: events, predictions and dead letters. Consumers of one group share
the events. An event is delivered again until some consumer has acknowledged it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from ..settings import Settings
from .names import check_names

GROUP = "__package__"
"""The consumer group, unless the settings name another."""


class BrokerError(OSError):
    """The broker cannot be reached, or did not do what it was asked; trying again may help."""


class StreamMissing(ValueError):  # noqa: N818 - what it is
    """A stream that must be there is not."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"the broker has no stream {stream!r}: either its setting is wrong, or nothing was"
            " ever written to it"
        )


@dataclass(frozen=True, slots=True)
class Streams:
    """What a broker needs to know of the service."""

    events: str
    predictions: str
    dead_letters: str
    group: str
    redeliver_after_s: float
    """After this many seconds without an acknowledgement an event goes to another consumer."""
    predictions_kept: int
    """Where the broker does not age messages out by itself, it keeps this many predictions."""

    @classmethod
    def of(cls, settings: Settings) -> "Streams":
        """The streams that the settings name; raises ValueError when their names cannot be."""
        names = {
            "SERVICE_EVENTS_STREAM": settings.events_stream,
            "SERVICE_PREDICTIONS_STREAM": settings.predictions_stream,
            "SERVICE_DEAD_LETTERS_STREAM": settings.dead_letters_stream,
        }
        if len(set(names.values())) < len(names):
            raise ValueError(f"{', '.join(names)} must be three different streams")
        group = settings.consumer_group or GROUP
        # The URL itself may hold a password.
        scheme = settings.broker_url.partition("://")[0]
        check_names(scheme, names | {"SERVICE_CONSUMER_GROUP": group})
        return cls(
            events=settings.events_stream,
            predictions=settings.predictions_stream,
            dead_letters=settings.dead_letters_stream,
            group=group,
            redeliver_after_s=settings.redeliver_after_s,
            predictions_kept=settings.predictions_kept,
        )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. Two with the same key have the same meaning: one of them is enough."""

    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message as a broker delivered it."""

    position: str
    """Where it lies in its stream; the same each time it is delivered."""
    body: bytes
    headers: Mapping[str, str]
    deliveries: int = 1
    """How many times it was delivered, this time included."""
    handle: object = None
    """What the broker needs to acknowledge it."""
    arrived: float | None = None
    """When it came into its stream, in seconds since 1970 UTC; None where nobody noted it."""


class Backlog(NamedTuple):
    """What waits in the streams, for the whole group."""

    events: float
    """Not acknowledged yet, those in flight included; not a number where the broker cannot tell."""
    dead_letters: int


class Broker(Protocol):
    """What the consumer asks of a broker. Every method may raise BrokerError."""

    @property
    def max_message_bytes(self) -> int:
        """How large a message may be, its headers included; known once the broker is open."""

    @property
    def held(self) -> int:
        """Events that wait in this process for another try."""

    async def open(self, *, make: bool = True) -> None:
        """Connect, and make what is missing of streams and group; again after an error.

        Without `make` it makes nothing, and raises StreamMissing when the events or the dead
        letters are not there.
        """

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` events: those that are there; waits only while there is none.

        One whose next try is due may come alone, even when `most` is 0.
        """

    async def stay(self) -> None:
        """Fetch nothing, and remain a member of the group."""

    async def stop_fetching(self) -> list[Message]:
        """Ask for no more; the events that have arrived without having been fetched."""

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Add messages to a stream; returns when the broker has acknowledged all of them."""

    async def ack(self, events: Sequence[Message]) -> None:
        """These events need not be delivered again."""

    async def retry(self, event: Message, delay_s: float) -> None:
        """Deliver this event again, not before `delay_s` seconds have passed."""

    async def give_back(self, events: Sequence[Message]) -> None:
        """Let other consumers have these events, as if they had not been delivered here."""

    async def backlog(self) -> Backlog:
        """What waits in the streams."""

    def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters that are there now, the oldest first."""

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Remove a dead letter, or leave it where it can be read again."""

    async def close(self) -> None:
        """Leave the group and disconnect."""


def shared_broker(settings: Settings) -> Broker:
    """The broker of several processes, as `open_broker`; raises ValueError for memory:// too."""
    if urlsplit(settings.broker_url).scheme == "memory":
        raise ValueError(
            "memory:// lives within one process: let SERVICE_BROKER_URL name a broker, such as"
            " redis://localhost:6379"
        )
    return open_broker(settings)


def open_broker(settings: Settings) -> Broker:
    """The broker that SERVICE_BROKER_URL names, not connected yet; raises ValueError.

    Only its own client is imported: each takes memory and time.
    """
    url = settings.broker_url
    if not _is_address(url):
        raise ValueError("SERVICE_BROKER_URL is no address of a broker, such as redis://host:6379")
    streams = Streams.of(settings)
    match urlsplit(url).scheme:
        case "memory":
            from .memory_broker import MemoryBroker

            return MemoryBroker(streams)
        case "nats" | "tls":
            from .nats_broker import NatsBroker

            return NatsBroker(url, streams)
        case "redis" | "rediss":
            from .redis_broker import RedisBroker

            return RedisBroker(url, streams)
        case "kafka":
            from .kafka_broker import KafkaBroker

            return KafkaBroker(url, streams)
        case other:
            # The URL itself may hold a password.
            raise ValueError(
                f"SERVICE_BROKER_URL begins with {other!r}: possible are memory://, nats://,"
                " tls:// (NATS), redis://, rediss:// and kafka://"
            )


def _is_address(url: str) -> bool:
    """Whether every server of a URL has a port that is a number, if it has one."""
    try:
        for server in url.split(","):
            _ = urlsplit(server if "//" in server else f"//{server}").port
    except ValueError:
        return False
    return True
