"""A stage: a broker, streams that no other test uses, and a service to consume from them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from __package__.service import Service
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.streaming import consumer
from __package__.streaming.broker import (
    Broker,
    Message,
    Outgoing,
    Streams,
    open_broker,
)
from __package__.streaming.consumer import Consumer
from __package__.streaming.memory_broker import MemoryBroker

from .servers import kafka, serving

Row = dict[str, Any]
PATIENCE_S = 20.0

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers of this process look around more often than in production."""
    monkeypatch.setattr(consumer, "WATCH_S", 0.1)
    monkeypatch.setattr(consumer, "FETCH_WAIT_S", 0.1)


@pytest.fixture(scope="session")
def memory() -> str:
    return "memory://"


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("redis", tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("nats", tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture(scope="session", name="kafka")
def kafka_cluster() -> Iterator[str]:
    with kafka() as url:
        yield url


@dataclass
class Stage:
    """One test's streams on one broker."""

    service: Service
    settings: Settings
    memory: MemoryBroker | None = None
    _read: list[Message] = field(default_factory=list)

    @property
    def streams(self) -> Streams:
        return Streams.of(self.settings)

    def broker(self) -> Broker:
        """A connection of its own; in memory there is only one."""
        if self.settings.broker_url == "memory://":
            self.memory = self.memory or MemoryBroker(self.streams)
            return self.memory
        return open_broker(self.settings)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Broker]:
        broker = self.broker()
        try:
            await broker.open()
            yield broker
        finally:
            await broker.close()

    async def publish(self, events: Sequence[Outgoing]) -> None:
        async with self.connected() as broker:
            await broker.publish(self.streams.events, events)

    @asynccontextmanager
    async def consuming(self, service: Service | None = None) -> AsyncIterator[Consumer]:
        """A consumer that runs while the block does, and is drained at its end."""
        broker = self.broker()
        consumer = Consumer(replace(service or self.service, settings=self.settings), broker)
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        try:
            yield consumer
        finally:
            stop.set()
            try:
                assert await running
            finally:
                await broker.close()

    async def predictions(self) -> list[dict[str, Any]]:
        """The data of all predictions so far, duplicates included."""
        return [msgspec.json.decode(one.body)["data"] for one in await self.contents("predictions")]

    async def letters(self) -> list[Message]:
        return await self.contents("dead_letters")

    async def contents(self, kind: str) -> list[Message]:
        """All messages of a stream."""
        stream: str = getattr(self.streams, kind)
        if self.memory is not None:
            if kind == "predictions":
                with suppress(TimeoutError):
                    self._read += await asyncio.wait_for(self.memory.read(stream), 0.01)
                return self._read
            return [letter async for letter in self.memory.dead_letters()]
        # Any stream can be read as if it were the one of dead letters.
        names = {"dead_letters_stream": stream, "predictions_stream": "unused"}
        reader = open_broker(self.settings.model_copy(update=names))
        try:
            await reader.open()
            return [message async for message in reader.dead_letters()]
        finally:
            await reader.close()


async def until(is_true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


@pytest.fixture
def stage(request: pytest.FixtureRequest, service: Service, settings: Settings) -> Stage:
    """A stage on the broker that the test is parametrised with."""
    return make_stage(request.getfixturevalue(request.param), service, settings)


def make_stage(url: str, service: Service, settings: Settings, **others: object) -> Stage:
    number = next(_numbers)
    names = {
        "broker_url": url,
        "events_stream": f"events{number}",
        "predictions_stream": f"predictions{number}",
        "dead_letters_stream": f"letters{number}",
        "consumer_group": f"group{number}",
        "retry_delay_s": 0.05,
        "redeliver_after_s": 2.0,
        "port": 0,
    }
    return Stage(service, settings.model_copy(update=names | others))


@pytest.fixture
def row(signature: Signature) -> Row:
    """A valid row."""
    return dict(signature.example)


@pytest.fixture
def make_events(row: Row) -> Callable[..., list[Outgoing]]:
    """Valid events with the ids e0, e1, ..."""

    def make(count: int, **others: object) -> list[Outgoing]:
        return [event(f"e{number}", row, **others) for number in range(count)]

    return make


def event(name: str, data: object, **others: object) -> Outgoing:
    """A CloudEvent around a row."""
    attributes = {
        "specversion": "1.0",
        "id": name,
        "source": "test",
        "type": "asked",
        "time": datetime.now(UTC),
        "data": data,
    }
    return Outgoing(name, msgspec.json.encode(attributes | others), {"origin": "test"})


def environment(settings: Settings, model_dir: Path, **others: object) -> dict[str, str]:
    """The settings as variables for a process of its own."""
    values = settings.model_dump(exclude_none=True) | {"model_dir": model_dir} | others
    return {f"SERVICE_{name.upper()}": str(value) for name, value in values.items()}
