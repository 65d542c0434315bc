"""Redis Streams: an entry holds the message as the field `body`, its headers as further fields.

Redis itself never delivers an entry again and has no dead letters. An entry that was delivered and
not acknowledged stays in the group's list of pending entries, with a count of its deliveries: from
there a consumer claims what another one left behind.
"""

import asyncio
import heapq
import itertools
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import nan
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from .broker import Backlog, BrokerError, Message, Outgoing, StreamMissing, Streams

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
FORGOTTEN_AFTER_MS = 24 * 3600 * 1000
"""A consumer that was not seen for so long, and has nothing pending, is removed from the group."""

PAGE = 100


class RedisBroker:
    """One consumer of a group; its name is its own, so that a restart never inherits entries."""

    max_message_bytes = 512 * 1024 * 1024

    def __init__(self, url: str, streams: Streams) -> None:
        self._streams = streams
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        self._redis: Any = Redis.from_url(
            url,
            socket_timeout=ANSWER_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_keepalive=True,
        )
        self._held: set[str] = set()
        self._again: list[tuple[float, int, Message]] = []
        self._order = itertools.count()
        self._next_look = 0.0

    @property
    def held(self) -> int:
        """Tries that failed wait here."""
        return len(self._again)

    async def open(self, *, make: bool = True) -> None:
        """Connect; make the stream of events and the group."""
        with _reported():
            if not make:
                for name in (self._streams.events, self._streams.dead_letters):
                    if not await self._redis.exists(name):
                        raise StreamMissing(name)
                return
            try:
                await self._redis.xgroup_create(
                    self._streams.events, self._streams.group, id="0", mkstream=True
                )
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
            await self._forget_the_gone()

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` new events, or one alone that has been delivered before."""
        with _reported():
            now = time.monotonic()
            if self._again and self._again[0][0] <= now:
                _, _, event = heapq.heappop(self._again)
                return await self._claim(event.position, event.deliveries, idle_ms=0)
            if self._again:
                wait_s = min(wait_s, self._again[0][0] - now)
            if most == 0:
                await asyncio.sleep(wait_s)
                return []
            if now >= self._next_look and (found := await self._left_behind()):
                return found
            found_new = await self._redis.xreadgroup(
                self._streams.group,
                self._consumer,
                {self._streams.events: ">"},
                count=most,
                block=max(1, int(wait_s * 1000)),
            )
        events = [_message(*entry) for _, entries in found_new or [] for entry in entries]
        self._held.update(event.position for event in events)
        return events

    async def _left_behind(self) -> list[Message]:
        """One event that some consumer got and did not acknowledge for too long."""
        idle_ms = int(self._streams.redeliver_after_s * 1000)
        rows = await self._redis.xpending_range(
            self._streams.events,
            self._streams.group,
            min="-",
            max="+",
            count=len(self._held) + 1,
            idle=idle_ms,
        )
        for row in rows:
            position = row["message_id"].decode()
            if position not in self._held:
                return await self._claim(position, row["times_delivered"], idle_ms)
        # Looking costs the server a walk over all that is pending.
        self._next_look = time.monotonic() + self._streams.redeliver_after_s / 4
        return []

    async def _claim(self, position: str, deliveries: int, idle_ms: int) -> list[Message]:
        """Take over one event, unless another consumer was faster."""
        self._held.discard(position)
        entries = await self._redis.xclaim(
            self._streams.events, self._streams.group, self._consumer, idle_ms, [position]
        )
        if not entries:
            return []
        self._held.add(position)
        _, fields = entries[0]
        return [_message(position.encode(), fields, deliveries + 1)]

    async def stay(self) -> None:
        """A consumer of Redis is known by what it holds."""

    async def stop_fetching(self) -> list[Message]:
        """Nothing arrives without having been fetched."""
        return []

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Add messages in one round trip. Only predictions are cut to a length."""
        kept = self._streams.predictions_kept if stream == self._streams.predictions else None
        with _reported():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    fields = {**message.headers, "key": message.key, "body": message.body}
                    pipeline.xadd(stream, fields, maxlen=kept, approximate=True)
                await pipeline.execute()

    async def ack(self, events: Sequence[Message]) -> None:
        """Take these events off the list of pending entries."""
        positions = [event.position for event in events]
        # Before the call: when it fails they are still pending, and this consumer may claim them.
        self._held.difference_update(positions)
        with _reported():
            await self._redis.xack(self._streams.events, self._streams.group, *positions)

    async def retry(self, event: Message, delay_s: float) -> None:
        """Hold this event here; if this process dies, another consumer claims it."""
        due = time.monotonic() + delay_s
        heapq.heappush(self._again, (due, next(self._order), event))

    async def give_back(self, events: Sequence[Message]) -> None:
        """Make these events look left behind, with this delivery taken off their count."""
        streams = self._streams
        idle_ms = int(streams.redeliver_after_s * 1000)
        with _reported():
            for event in events:
                mine = await self._redis.xpending_range(
                    streams.events,
                    streams.group,
                    min=event.position,
                    max=event.position,
                    count=1,
                    consumername=self._consumer,
                )
                if mine:
                    await self._redis.xclaim(
                        streams.events,
                        streams.group,
                        self._consumer,
                        0,
                        [event.position],
                        idle=idle_ms,
                        retrycount=event.deliveries - 1,
                        justid=True,
                    )

    async def backlog(self) -> Backlog:
        """What waits in the streams."""
        with _reported():
            groups = await self._redis.xinfo_groups(self._streams.events)
            stream = await self._redis.xinfo_stream(self._streams.events)
            dead_letters = await self._redis.xlen(self._streams.dead_letters)
        name = self._streams.group
        group = next((row for row in groups if row["name"] == name.encode()), None)
        if group is None:
            raise BrokerError(f"Redis: {self._streams.events!r} has no group {name!r} any more")
        # Once entries were deleted Redis may not know it, and after a restart it may count wrongly.
        lag = nan if group["lag"] is None else group["lag"]
        if group["last-delivered-id"] == stream["last-generated-id"]:
            lag = 0
        return Backlog(lag + group["pending"], dead_letters)

    async def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters that are there now, page by page."""
        name, start = self._streams.dead_letters, "-"
        with _reported():
            newest = await self._redis.xrevrange(name, count=1)
        while newest:
            with _reported():
                page = await self._redis.xrange(name, min=start, max=newest[0][0], count=PAGE)
            for entry in page:
                yield _message(*entry)
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Delete a dead letter."""
        if not keep:
            with _reported():
                await self._redis.xdel(self._streams.dead_letters, letter.position)

    async def close(self) -> None:
        """Leave the group, unless entries are pending: those would be lost with the consumer."""
        try:
            events, group = self._streams.events, self._streams.group
            pending = await self._redis.xpending_range(
                events, group, min="-", max="+", count=1, consumername=self._consumer
            )
            if not pending:
                await self._redis.xgroup_delconsumer(events, group, self._consumer)
        except (RedisError, OSError):
            pass
        await self._redis.aclose()

    async def _forget_the_gone(self) -> None:
        rows = await self._redis.xinfo_consumers(self._streams.events, self._streams.group)
        for row in rows:
            if row["pending"] == 0 and row["idle"] > FORGOTTEN_AFTER_MS:
                await self._redis.xgroup_delconsumer(
                    self._streams.events, self._streams.group, row["name"]
                )


def _message(position: bytes, fields: Mapping[bytes, bytes], deliveries: int = 1) -> Message:
    headers = {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in fields.items()
        if name != b"body"
    }
    # The server's clock when the entry was added, unless its producer gave it another id.
    arrived = int(position.partition(b"-")[0]) / 1000
    body = fields.get(b"body", b"")
    return Message(position.decode(), body, headers, deliveries, arrived=arrived)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise BrokerError(f"Redis: {error or type(error).__name__}") from error
