"""NATS JetStream: one durable pull consumer for the group, one stream for each kind of message.

The server counts deliveries and delivers again what was not acknowledged. Its own bound on
deliveries stays off: beyond it the server would drop an event without writing a dead letter.
"""

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import NotFoundError

from .broker import Backlog, BrokerError, Message, Outgoing, StreamMissing, Streams
from .dead_letters import moved

ANSWER_TIMEOUT_S = 5.0
RECONNECT_WAIT_S = 0.5
DUPLICATE_WINDOW_S = 600.0
"""For this long a stream that the service makes refuses a message with a key it has seen."""

MAX_ACK_PENDING = 20_000
"""Events of the whole group that may be in flight or wait for another try; then intake stops."""


class NatsBroker:
    """One member of the group that shares the durable consumer."""

    def __init__(self, url: str, streams: Streams) -> None:
        self._servers = url.split(",")
        self._streams = streams
        self._connection: Client | None = None
        self._arrived: deque[Msg] = deque()
        self._arrival = asyncio.Event()
        self._inbox = self._answers = ""
        self._numbers = itertools.count()
        self._unacknowledged: dict[int, asyncio.Future[None]] = {}
        self._asked = 0
        """Messages that the server may still send for the last request."""
        self._asked_until = 0.0

    @property
    def max_message_bytes(self) -> int:
        """What the server takes."""
        return self._nats.max_payload

    @property
    def held(self) -> int:
        """Tries that failed wait in the server."""
        return 0

    @property
    def _nats(self) -> Client:
        if self._connection is None:
            raise BrokerError("NATS: not connected")
        return self._connection

    async def open(self, *, make: bool = True) -> None:
        """Connect; make streams and consumer. The client itself connects again when it must."""
        with _reported():
            if self._connection is None:
                # Left to itself the client tries the first time as long as ever after.
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    connection = await nats.connect(
                        self._servers,
                        name=self._streams.group,
                        allow_reconnect=True,
                        max_reconnect_attempts=-1,
                        reconnect_time_wait=RECONNECT_WAIT_S,
                        connect_timeout=ANSWER_TIMEOUT_S,
                        error_cb=_unheard,
                    )
                self._js = connection.jetstream(timeout=ANSWER_TIMEOUT_S)
                self._inbox, self._answers = connection.new_inbox(), connection.new_inbox()
                await connection.subscribe(f"{self._answers}.*", cb=self._acknowledged)
                self._subscription = await connection.subscribe(self._inbox, cb=self._arrive)
                self._connection = connection
            streams = self._streams
            if not make:
                for name in (streams.events, streams.dead_letters):
                    if not await self._has_stream(name):
                        raise StreamMissing(name)
                return
            for name in (streams.events, streams.predictions, streams.dead_letters):
                if not await self._has_stream(name):
                    await self._js.add_stream(
                        StreamConfig(name, subjects=[name], duplicate_window=DUPLICATE_WINDOW_S)
                    )
            await self._js.add_consumer(
                streams.events,
                ConsumerConfig(
                    durable_name=streams.group,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=streams.redeliver_after_s,
                    max_deliver=-1,
                    max_ack_pending=MAX_ACK_PENDING,
                ),
            )

    async def _has_stream(self, name: str) -> bool:
        try:
            await self._js.stream_info(name)
        except NotFoundError:
            return False
        return True

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` events: those that have arrived, else the first ones to arrive.

        A request stays open at the server until it is filled or its time is over, so that what is
        published meanwhile is sent at once.
        """
        with _reported():
            if not self._nats.is_connected:
                raise BrokerError("NATS: the connection is lost")
            if most == 0:
                await asyncio.sleep(wait_s)
                return []
            deadline = time.monotonic() + wait_s
            while not self._arrived and (now := time.monotonic()) < deadline:
                if self._asked <= 0 or now >= self._asked_until:
                    await self._ask(most, wait_s)
                self._arrival.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._arrival.wait(), min(deadline, self._asked_until) - now
                    )
        events = [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]
        return [_event(message) for message in events]

    async def _ask(self, most: int, wait_s: float) -> None:
        request = {"batch": most, "expires": int(wait_s * 1e9)}
        streams = self._streams
        await self._nats.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{streams.events}.{streams.group}",
            json.dumps(request).encode(),
            reply=self._inbox,
        )
        self._asked = most
        self._asked_until = time.monotonic() + wait_s

    async def _arrive(self, message: Msg) -> None:
        if message.reply:
            self._asked -= 1
            self._arrived.append(message)
        else:
            # The end of the request: filled, or its time is over.
            self._asked = 0
        self._arrival.set()

    async def stay(self) -> None:
        """The server keeps the consumer, whoever fetches."""

    async def stop_fetching(self) -> list[Message]:
        """Take back the request; after the server's reply nothing arrives any more."""
        if self._connection is None:
            return []
        with _reported():
            await self._subscription.unsubscribe()
            await self._nats.flush(int(ANSWER_TIMEOUT_S))
        rest = [_event(message) for message in self._arrived]
        self._arrived.clear()
        return rest

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Add messages, then wait for all acknowledgements. The server removes duplicates."""
        # The client's own way to publish without waiting yields to the event loop, and so writes to
        # the socket, once for each message.
        loop = asyncio.get_running_loop()
        numbers = [next(self._numbers) for _ in messages]
        futures = {number: loop.create_future() for number in numbers}
        self._unacknowledged |= futures
        try:
            with _reported():
                for number, message in zip(numbers, messages, strict=True):
                    headers = {**message.headers, "Nats-Msg-Id": message.key}
                    reply = f"{self._answers}.{number}"
                    await self._nats.publish(stream, message.body, reply, headers)
                await asyncio.wait_for(asyncio.gather(*futures.values()), ANSWER_TIMEOUT_S)
        finally:
            for number in numbers:
                self._unacknowledged.pop(number, None)

    async def _acknowledged(self, answer: Msg) -> None:
        """The stream has a message, or says why not; without a stream nobody answers."""
        future = self._unacknowledged.get(int(answer.subject.rpartition(".")[2]))
        if future is None or future.done():
            return
        if error := _refusal(answer.data):
            future.set_exception(BrokerError(f"NATS: {error}"))
        else:
            future.set_result(None)

    async def ack(self, events: Sequence[Message]) -> None:
        """Acknowledge without an answer: what is lost is delivered again, and its key known."""
        with _reported():
            for event in events:
                await _handle(event).ack()

    async def retry(self, event: Message, delay_s: float) -> None:
        """Give the event back to the server, which waits."""
        with _reported():
            await _handle(event).nak(delay_s)

    async def give_back(self, events: Sequence[Message]) -> None:
        """Add these events anew and acknowledge the old ones: the server's counts only rise."""
        for event in [*events, *map(_event, self._arrived)]:
            await self.publish(self._streams.events, [moved(event)])
            await self.ack([event])

    async def backlog(self) -> Backlog:
        """What waits in the streams."""
        with _reported():
            consumer = await self._js.consumer_info(self._streams.events, self._streams.group)
            letters = await self._js.stream_info(self._streams.dead_letters)
        waiting = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        return Backlog(waiting, letters.state.messages)

    async def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters that are there now."""
        name = self._streams.dead_letters
        with _reported():
            state = (await self._js.stream_info(name)).state
        for number in range(max(1, state.first_seq), state.last_seq + 1):
            try:
                with _reported():
                    raw = await self._js.get_msg(name, number)
            except BrokerError as error:
                if isinstance(error.__cause__, NotFoundError):
                    continue
                raise
            yield Message(str(number), raw.data or b"", dict(raw.headers or {}))

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Delete a dead letter."""
        if not keep:
            with _reported():
                await self._js.delete_msg(self._streams.dead_letters, int(letter.position))

    async def close(self) -> None:
        """Send what is still buffered, and disconnect."""
        if self._connection is None:
            return
        try:
            if self._connection.is_connected:
                await self._connection.flush(int(ANSWER_TIMEOUT_S))
        except (nats.errors.Error, OSError, TimeoutError):
            pass
        await self._connection.close()


def _event(message: Msg) -> Message:
    metadata = message.metadata
    return Message(
        position=str(metadata.sequence.stream),
        body=message.data,
        headers=message.headers or {},
        deliveries=metadata.num_delivered or 1,
        handle=message,
        arrived=metadata.timestamp.timestamp(),
    )


def _handle(event: Message) -> Msg:
    assert isinstance(event.handle, Msg)  # noqa: S101 - made by _event
    return event.handle


def _refusal(answer: bytes) -> object:
    """Why a stream did not take a message, or None."""
    return json.loads(answer).get("error") if answer else "no stream takes the message"


async def _unheard(_: Exception) -> None:
    """What goes wrong is reported by the call that it concerns."""


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except BrokerError:
        raise
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BrokerError(f"NATS: {error or type(error).__name__}") from error
