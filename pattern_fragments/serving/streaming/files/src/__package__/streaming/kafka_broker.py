"""Kafka: topics are the streams, the consumer group shares the partitions of the events.

Kafka keeps one offset for each partition and counts no deliveries. So tries are repeated from
memory, an offset is committed when everything before it is finished, and what was tried when a
consumer died is kept in the metadata of the committed offset: see kafka_progress.py. Topics are
made by whoever runs the cluster, or by a cluster that makes them on demand.
"""

import asyncio
import heapq
import itertools
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as Record
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from .broker import Backlog, BrokerError, Message, Outgoing, StreamMissing, Streams
from .kafka_progress import Progress

ANSWER_TIMEOUT_S = 10.0
BUFFER_KIB = 16 * 1024
"""What the client may fetch ahead of the consumer."""

EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class KafkaBroker:
    """One consumer of the group, a producer, and a reader of dead letters."""

    max_message_bytes = 1_000_000

    def __init__(self, url: str, streams: Streams) -> None:
        """Raises ValueError when the URL names a property that the client does not know."""
        self._streams = streams
        self._replay_group = f"{streams.group}-replay"
        common = _configuration(url)
        reading = common | {
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": True,
            "queued.max.messages.kbytes": BUFFER_KIB,
        }
        waiting_ms = int(streams.redeliver_after_s * 1000)
        member = reading | {
            "group.id": streams.group,
            "session.timeout.ms": max(6000, waiting_ms),
            "max.poll.interval.ms": max(60_000, waiting_ms),
        }
        writing = common | {
            "enable.idempotence": True,
            "message.timeout.ms": int(ANSWER_TIMEOUT_S * 1000),
        }
        try:
            self._consumer = Consumer(member, logger=logger)
            self._reader = Consumer(reading | {"group.id": self._replay_group}, logger=logger)
            self._admin = AdminClient(common, logger=logger)
            self._producer = Producer(writing, logger=logger)
        except KafkaException as error:
            raise ValueError(f"SERVICE_BROKER_URL: {_text(error)}") from None
        # One thread for all calls of the consumer that may block, in their order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")
        self._lock = threading.Lock()
        self._progress: dict[int, Progress] = {}
        self._again: list[tuple[float, int, Message]] = []
        self._polled: deque[Record] = deque()
        self._order = itertools.count()
        self._is_subscribed = False

    @property
    def held(self) -> int:
        """Tries that failed wait here."""
        return len(self._again)

    async def open(self, *, make: bool = True) -> None:
        """See that the cluster is there; the first fetch joins the group."""
        if not make:
            # All topics: asking for one by its name may make it.
            found = await self._call(lambda: self._consumer.list_topics(timeout=ANSWER_TIMEOUT_S))
            for name in (self._streams.events, self._streams.dead_letters):
                if name not in found.topics:
                    raise StreamMissing(name)
            return
        await self._call(lambda: self._consumer.list_topics(self._streams.events, ANSWER_TIMEOUT_S))

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` new events, or one alone that may have been tried before."""
        now = time.monotonic()
        if self._again:
            if self._again[0][0] <= now:
                _, _, event = heapq.heappop(self._again)
                return [replace(event, deliveries=event.deliveries + 1)]
            wait_s = min(wait_s, self._again[0][0] - now)
        if most == 0:
            await self._call(lambda: self._poll_paused(wait_s))
        elif not self._polled:
            records = await self._call(lambda: self._poll(most, wait_s))
            self._polled.extend(records)
        events: list[Message] = []
        while self._polled and len(events) < most:
            if error := self._polled[0].error():
                if events:
                    # They are good, and noted as handed out: the error is for the next call.
                    break
                self._polled.popleft()
                raise BrokerError(f"Kafka: {error.str()}")
            record = self._polled.popleft()
            with self._lock:
                progress = self._progress.get(record.partition() or 0)
                if progress is not None:
                    deliveries = progress.handed_out(record.offset() or 0)
                    events.append(_event(record, deliveries))
        return events

    def _poll(self, most: int, wait_s: float) -> list[Record]:
        """The first record to come, and those that are there with it."""
        self._subscribe()
        first = self._consumer.poll(wait_s)
        if first is None:
            return []
        with self._lock:
            progress = self._progress.get(first.partition() or 0)
            alone = progress is not None and progress.is_suspect(first.offset() or 0)
        if most == 1 or alone or first.error():
            return [first]
        return [first, *self._consumer.consume(most - 1, 0)]

    def _poll_paused(self, wait_s: float) -> None:
        """Polling is what keeps the membership; of a partition that is new, a record may come."""
        self._subscribe()
        assigned = self._consumer.assignment()
        self._consumer.pause(assigned)
        record = self._consumer.poll(wait_s)
        if record is not None:
            self._polled.append(record)
        # Of those that are still assigned: the others are not paused any more.
        self._consumer.resume(self._consumer.assignment())

    def _subscribe(self) -> None:
        if not self._is_subscribed:
            self._consumer.subscribe(
                [self._streams.events],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            self._is_subscribed = True

    async def stay(self) -> None:
        """Poll without fetching: whoever does not poll for too long is put out of the group."""
        await self._call(lambda: self._poll_paused(0))

    async def stop_fetching(self) -> list[Message]:
        """What the client has fetched ahead was not delivered, and goes to another consumer."""
        return []

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Add messages; returns when all replicas that are in step have them."""
        await asyncio.to_thread(self._publish, stream, messages)

    def _publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        errors: list[str] = []

        def delivered(error: KafkaError | None, _: Record) -> None:
            if error is not None:
                errors.append(error.str())

        with _reported():
            for message in messages:
                self._producer.produce(
                    stream,
                    message.body,
                    message.key.encode(),
                    headers=dict(message.headers),
                    on_delivery=delivered,
                )
            left = self._producer.flush(ANSWER_TIMEOUT_S)
        if errors or left:
            raise BrokerError(f"Kafka: {errors[0] if errors else 'no acknowledgement in time'}")

    async def ack(self, events: Sequence[Message]) -> None:
        """Commit each partition up to the first event that is not finished."""
        finished = defaultdict[int, list[int]](list)
        for event in events:
            partition, offset = _place(event)
            finished[partition].append(offset)
        commits = []
        with self._lock:
            for partition, offsets in finished.items():
                # A partition that was revoked meanwhile is another consumer's business.
                progress = self._progress.get(partition)
                if progress is not None and progress.finish(offsets):
                    commits.append(self._commit(partition, progress.next, progress.note()))
            is_urgent = any(progress.is_careful() for progress in self._progress.values())
        if commits:
            with _reported():
                if is_urgent:
                    await self._call(lambda: self._commit_now(commits))
                else:
                    self._consumer.commit(offsets=commits, asynchronous=True)

    async def retry(self, event: Message, delay_s: float) -> None:
        """Hold this event here; its offset, and later ones, are not committed meanwhile."""
        due = time.monotonic() + delay_s
        heapq.heappush(self._again, (due, next(self._order), event))

    async def give_back(self, events: Sequence[Message]) -> None:
        """Whoever leaves the group in order notes that nothing is suspect: see `_revoked`."""

    async def backlog(self) -> Backlog:
        """What lies behind the offsets that are committed."""
        events, letters = await asyncio.gather(
            asyncio.to_thread(self._behind, self._streams.group, self._streams.events),
            asyncio.to_thread(self._behind, self._replay_group, self._streams.dead_letters),
        )
        return Backlog(*(sum(end - start for _, start, end in rows) for rows in (events, letters)))

    async def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters that a group of its own, `<group>-replay`, has not committed."""
        rows = await asyncio.to_thread(self._behind, self._replay_group, self._streams.dead_letters)
        for partition, start, end in rows:
            position = TopicPartition(self._streams.dead_letters, partition, start)
            self._reader.assign([position])
            offset = start
            while offset < end:
                records = await asyncio.to_thread(self._reader.consume, 1, ANSWER_TIMEOUT_S)
                if not records or records[0].error():
                    raise BrokerError("Kafka: the dead letters cannot be read")
                offset = (records[0].offset() or 0) + 1
                yield _event(records[0], 1)

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Commit its offset; one to keep is added again, for nothing in a topic can be removed."""
        if keep:
            key = letter.headers.get("key", letter.position)
            headers = {name: value for name, value in letter.headers.items() if name != "key"}
            await self.publish(self._streams.dead_letters, [Outgoing(key, letter.body, headers)])
        partition, offset = _place(letter)
        position = TopicPartition(self._streams.dead_letters, partition, offset + 1)
        with _reported():
            await asyncio.to_thread(self._reader.commit, offsets=[position], asynchronous=False)

    async def close(self) -> None:
        """Leave the group, so that others take the partitions over at once."""
        await self._call(self._consumer.close)
        await asyncio.to_thread(self._reader.close)
        self._thread.shutdown()

    def _behind(self, group: str, topic: str) -> list[tuple[int, int, int]]:
        """Partition, first offset that the group has not committed, and end, of each partition."""
        admin, patience = self._admin, {"request_timeout": ANSWER_TIMEOUT_S}
        with _reported():
            found = admin.list_topics(topic, ANSWER_TIMEOUT_S).topics[topic]
            partitions = [TopicPartition(topic, number) for number in found.partitions]
            if not partitions:
                return []
            asked = ConsumerGroupTopicPartitions(group, partitions)
            [committed] = admin.list_consumer_group_offsets([asked], **patience).values()
            first = admin.list_offsets(dict.fromkeys(partitions, EARLIEST), **patience)
            last = admin.list_offsets(dict.fromkeys(partitions, LATEST), **patience)
            starts = {row.partition: row.offset for row in committed.result().topic_partitions}
            ends = {row.partition: future.result().offset for row, future in last.items()}
            return [
                (row.partition, max(future.result().offset, starts[row.partition]), end)
                for row, future in first.items()
                if (end := ends[row.partition]) >= 0
            ]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin where the group stands, and note that somebody has begun there once more."""
        marks = []
        for position in consumer.committed(partitions, ANSWER_TIMEOUT_S):
            start = position.offset
            if start < 0:
                start, _ = consumer.get_watermark_offsets(position, ANSWER_TIMEOUT_S)
            progress = Progress.begin(start, position.metadata or "")
            with self._lock:
                self._progress[position.partition] = progress
            marks.append(self._commit(position.partition, start, progress.note()))
        if marks:
            self._commit_now(marks)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit what is finished; leaving in order is no reason to suspect any event."""
        self._forget(partitions)
        with self._lock:
            gone = [(row.partition, self._progress.pop(row.partition, None)) for row in partitions]
        commits = [self._commit(number, own.next, own.farewell()) for number, own in gone if own]
        if commits:
            try:
                self._commit_now(commits)
            except KafkaException as error:
                logger.warning("the last commit failed: %s", _text(error))

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(partitions)
        with self._lock:
            for row in partitions:
                self._progress.pop(row.partition, None)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        """Records that were not handed out come again, to whoever has the partition then."""
        gone = {row.partition for row in partitions}
        self._polled = deque(row for row in self._polled if row.partition() not in gone)

    def _commit(self, partition: int, offset: int, note: str) -> TopicPartition:
        return TopicPartition(self._streams.events, partition, offset, note)

    def _commit_now(self, offsets: list[TopicPartition]) -> None:
        self._consumer.commit(offsets=offsets, asynchronous=False)

    async def _call(self, act: Callable[[], Result]) -> Result:
        with _reported():
            return await asyncio.get_running_loop().run_in_executor(self._thread, act)


def _configuration(url: str) -> dict[str, str | int | float | bool]:
    """`kafka://user:password@host:9092,host:9092?name=value`: properties of librdkafka."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    configuration: dict[str, str | int | float | bool] = {"bootstrap.servers": hosts}
    if credentials:
        user, _, password = credentials.partition(":")
        configuration |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": unquote(user),
            "sasl.password": unquote(password),
        }
    return configuration | dict(parse_qsl(parts.query))


def _event(record: Record, deliveries: int) -> Message:
    pairs: Any = record.headers() or []
    headers = {name: _decoded(value) for name, value in pairs}
    if key := record.key():
        headers["key"] = _decoded(key)
    body = record.value() or b""
    # The clock of the producer's client, unless the topic notes when the broker appended it.
    kind, milliseconds = record.timestamp()
    return Message(
        position=f"{record.partition()}-{record.offset()}",
        body=body.encode() if isinstance(body, str) else body,
        headers=headers,
        deliveries=deliveries,
        arrived=None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000,
    )


def _place(message: Message) -> tuple[int, int]:
    """Partition and offset."""
    partition, _, offset = message.position.partition("-")
    return int(partition), int(offset)


def _decoded(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _text(error: KafkaException) -> str:
    inner = error.args[0]
    return inner.str() if isinstance(inner, KafkaError) else str(inner)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise BrokerError(f"Kafka: {_text(error)}") from error
    except BufferError as error:
        raise BrokerError("Kafka: too much waits to be sent") from error
