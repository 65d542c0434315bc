"""A broker in the memory of this process, to try the service with: nothing to install or start.

It behaves as the real ones do, and forgets everything with the process.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace

from .broker import Backlog, Message, Outgoing, Streams

CAPACITY = 10_000
"""Messages that a stream holds; whoever adds more to events or predictions waits."""


class MemoryBroker:
    """Streams as queues. `read` is how whoever wants the predictions takes them."""

    max_message_bytes = 2**30

    def __init__(self, streams: Streams, capacity: int = CAPACITY) -> None:
        self._streams = streams
        self._capacity = capacity
        names = (streams.events, streams.predictions, streams.dead_letters)
        self._queues: dict[str, deque[Message]] = {name: deque() for name in names}
        self._in_flight: dict[str, tuple[float, Message]] = {}
        self._to_retry: set[str] = set()
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()

    @property
    def held(self) -> int:
        """Events that wait for another try."""
        return len(self._to_retry)

    async def open(self, *, make: bool = True) -> None:
        """There is nothing to connect to."""

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` events, one that is due again first and alone."""
        deadline = time.monotonic() + wait_s
        while True:
            now = time.monotonic()
            if messages := self._again(most, now) or self._new(most, now):
                await self._tell()
                return messages
            next_due = min(
                (self._in_flight[position][0] for position in self._takeable(most)),
                default=deadline,
            )
            if now >= deadline:
                return []
            await self._wait(min(next_due, deadline) - now)

    def _again(self, most: int, now: float) -> list[Message]:
        for position in self._takeable(most):
            due, message = self._in_flight[position]
            if due <= now:
                again = replace(message, deliveries=message.deliveries + 1)
                self._to_retry.discard(position)
                self._in_flight[position] = (now + self._streams.redeliver_after_s, again)
                return [again]
        return []

    def _takeable(self, most: int) -> Collection[str]:
        return self._in_flight if most else self._to_retry

    def _new(self, most: int, now: float) -> list[Message]:
        queue = self._queues[self._streams.events]
        messages = [queue.popleft() for _ in range(min(most, len(queue)))]
        due = now + self._streams.redeliver_after_s
        self._in_flight |= {message.position: (due, message) for message in messages}
        return messages

    async def stay(self) -> None:
        """There is nothing to leave."""

    async def stop_fetching(self) -> list[Message]:
        """Nothing arrives without having been fetched."""
        return []

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Add messages to a stream; waits while it is full. Dead letters are never refused."""
        queue = self._queues[stream]
        for message in messages:
            while stream != self._streams.dead_letters and len(queue) >= self._capacity:
                await self._wait(None)
            number = str(next(self._numbers))
            headers = {**message.headers, "key": message.key}
            queue.append(Message(number, message.body, headers, arrived=time.time()))
        await self._tell()

    async def read(self, stream: str) -> list[Message]:
        """Take everything that a stream holds; waits while it holds nothing."""
        queue = self._queues[stream]
        while not queue:
            await self._wait(None)
        messages = list(queue)
        queue.clear()
        await self._tell()
        return messages

    async def ack(self, events: Sequence[Message]) -> None:
        """Forget these events."""
        for event in events:
            self._in_flight.pop(event.position, None)

    async def retry(self, event: Message, delay_s: float) -> None:
        """Make this event due again after `delay_s` seconds."""
        self._in_flight[event.position] = (time.monotonic() + delay_s, event)
        self._to_retry.add(event.position)
        await self._tell()

    async def give_back(self, events: Sequence[Message]) -> None:
        """Make these events due at once."""
        for event in events:
            before = replace(event, deliveries=event.deliveries - 1)
            self._in_flight[event.position] = (time.monotonic(), before)
        await self._tell()

    async def backlog(self) -> Backlog:
        """What waits in the queues."""
        waiting = len(self._queues[self._streams.events]) + len(self._in_flight)
        return Backlog(waiting, len(self._queues[self._streams.dead_letters]))

    async def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters, the oldest first."""
        for letter in list(self._queues[self._streams.dead_letters]):
            yield letter

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Remove a dead letter."""
        if not keep:
            self._queues[self._streams.dead_letters].remove(letter)

    async def close(self) -> None:
        """There is nothing to close."""

    async def _wait(self, timeout_s: float | None) -> None:
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                return

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
