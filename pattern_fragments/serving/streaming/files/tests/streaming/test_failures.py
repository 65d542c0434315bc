"""A broker that does a part of what it is asked, and defects of the service itself."""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from __package__ import consume
from __package__.scoring import Scorer
from __package__.service import Service
from __package__.settings import Settings
from __package__.streaming import consumer as consumer_module
from __package__.streaming.broker import (
    Broker,
    BrokerError,
    Message,
    Outgoing,
)
from __package__.streaming.consumer import Consumer

from .conftest import Row, Stage, event, make_stage, until

pytestmark = pytest.mark.slow

Events = Callable[..., list[Outgoing]]


class Partial:
    """A broker that refuses what it is told to."""

    def __init__(self, broker: Broker, *refused: str) -> None:
        self._broker = broker
        self.refused = set(refused)
        self.fetched = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        self._judge("fetch")
        events = await self._broker.fetch(most, wait_s)
        self.fetched += len(events)
        return events

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        self._judge("publish")
        await self._broker.publish(stream, messages)

    async def ack(self, events: Sequence[Message]) -> None:
        if "ack" in self.refused:
            raise TypeError("a defect")
        await self._broker.ack(events)

    def _judge(self, act: str) -> None:
        if act in self.refused:
            raise BrokerError(f"no {act}")


def partial(stage: Stage, monkeypatch: pytest.MonkeyPatch, *refused: str) -> Partial:
    broker = Partial(stage.broker(), *refused)
    monkeypatch.setattr(stage, "broker", lambda: broker)
    return broker


def limited(stage: Stage, **settings: object) -> None:
    stage.settings = stage.settings.model_copy(update=settings)


def on(*brokers: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", brokers, indirect=True)


@on("memory")
def test_a_delivery_that_is_over_is_forgotten(stage: Stage, make_events: Events) -> None:
    async def scenario() -> None:
        limited(stage, max_batch_events=1)
        await stage.publish(make_events(100))
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 100)
            await until(lambda: not consumer._deliveries, 1)

    asyncio.run(scenario())


@on("memory")
def test_a_defect_ends_the_consumer_at_once_and_is_raised(
    stage: Stage, make_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await stage.publish(make_events(1))
        consumer = Consumer(stage.service, partial(stage, monkeypatch, "ack"))
        with pytest.raises(TypeError, match="a defect"):
            await asyncio.wait_for(consumer.run(asyncio.Event()), 1)

    stage.service = replace(stage.service, settings=stage.settings)
    asyncio.run(scenario())


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def defective(*_: object) -> bool:
        raise ValueError("a defect")

    for name in ("read_settings", "shared_broker", "build_service", "listen"):
        monkeypatch.setattr(consume, name, lambda *_: _Anything())
    monkeypatch.setattr("__package__.logs.configure", lambda _: None)
    monkeypatch.setattr(consume, "consume", defective)
    with pytest.raises(ValueError, match="a defect"):
        consume.main([])


class _Anything:
    log_level = "INFO"


@on("nats")
def test_an_order_to_nats_in_the_headers_of_an_event_holds_up_nobody(
    stage: Stage, make_events: Events
) -> None:
    async def scenario() -> None:
        orders = {"Nats-Expected-Stream": stage.streams.events}
        await stage.publish([Outgoing("bad", b"no event", orders), *make_events(20)])
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 20, 5)
            await until(lambda: consumer.figures.dead_lettered == 1, 5)

    asyncio.run(scenario())


def test_a_stream_of_nats_may_be_called_error(
    nats: str, service: Service, settings: Settings
) -> None:
    stage = make_stage(nats, service, settings, dead_letters_stream="error")

    async def scenario() -> None:
        await stage.publish([Outgoing("bad", b"no event")])
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.dead_lettered == 1, 5)
        assert [letter.body for letter in await stage.letters()] == [b"no event"]

    asyncio.run(scenario())


@on("redis")
def test_a_group_that_is_lost_while_nothing_is_fetched_is_made_again(
    stage: Stage,
    make_events: Events,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        limited(stage, max_events_in_flight=2, redeliver_after_s=30.0)
        await stage.publish(make_events(2))
        broker = partial(stage, monkeypatch, "publish")
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.in_flight == 2)
            await broker._redis.delete(stage.streams.events)
            # As after a failover to an empty replica, while producers go on.
            await broker._broker.publish(stage.streams.events, make_events(5))
            await until(lambda: "has no group" in caplog.text)
            broker.refused.clear()
            await until(lambda: consumer.figures.consumed == 7)
            await until(lambda: consumer.figures.is_connected)

    asyncio.run(scenario())


@on("memory")
def test_how_much_waits_is_unknown_while_the_broker_is_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(consumer_module, "WATCH_S", 0.05)
        broker = partial(stage, monkeypatch)
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.backlog == (0, 0))
            broker.refused.add("fetch")
            await until(lambda: consumer.figures.backlog is None, 2)
            shown = {gauge.name: gauge.values()[()] for gauge in consumer.figures.gauges()}
            assert math.isnan(shown["consumer_lag_events"])
            assert shown["broker_connected"] == 0

    asyncio.run(scenario())


@on("memory", "kafka")
def test_while_publishing_fails_the_consumer_is_alive_not_connected_and_says_so_once(
    stage: Stage,
    make_events: Events,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        limited(stage, max_events_in_flight=2, redeliver_after_s=30.0)
        await stage.publish(make_events(5))
        broker = partial(stage, monkeypatch, "publish")
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.in_flight == 2)
            await until(lambda: "publish" in caplog.text)
            for _ in range(150):
                await asyncio.sleep(0.01)
                assert not consumer.figures.is_connected
                assert consumer.figures.silent_s() < 1
            broker.refused.clear()
            await until(lambda: consumer.figures.consumed == 5)
            assert consumer.figures.is_connected
        told = [one.message for one in caplog.records if "broker" in one.message]
        assert told.count("the broker fails to publish: no publish") == 1
        assert told.count("connected to the broker") == 2

    caplog.set_level(logging.INFO)
    asyncio.run(scenario())


@on("memory", "redis", "nats")
def test_orderly_ends_while_predictions_are_refused_make_no_event_a_crashed_one(
    stage: Stage, make_events: Events
) -> None:
    async def end_with_events_in_hand() -> None:
        broker = stage.broker()
        refusing = Partial(broker, "publish")
        stop = asyncio.Event()
        consumer = Consumer(service, refusing)
        running = asyncio.create_task(consumer.run(stop))
        await until(lambda: consumer.figures.in_flight > 0)
        stop.set()
        assert not await running
        await broker.close()

    async def scenario() -> None:
        await stage.publish(make_events(3))
        for _ in range(stage.settings.max_deliveries + 1):
            await end_with_events_in_hand()
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.backlog == (0, 0))
            await until(lambda: consumer.figures.consumed >= 3)
        assert {one["event_id"] for one in await stage.predictions()} == {"e0", "e1", "e2"}

    limited(stage, max_deliveries=2, redeliver_after_s=1.0)
    impatient = stage.settings.model_copy(update={"drain_timeout_s": 0.1})
    service = replace(stage.service, settings=impatient)
    asyncio.run(scenario())


class Broken(Scorer):
    """Fails each time."""

    def __init__(self, scorer: Scorer) -> None:
        self.encode_rows = scorer.encode_rows  # type: ignore[method-assign]

    def score(self, *_: object) -> Any:
        raise RuntimeError("no")


@on("memory", "redis", "kafka")
def test_events_that_wait_for_another_try_are_in_flight_and_bounded(
    stage: Stage, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        limited(stage, max_events_in_flight=10, retry_delay_s=15.0, redeliver_after_s=30.0)
        await stage.publish([event(f"e{number}", row) for number in range(50)])
        broker = partial(stage, monkeypatch)
        service = replace(stage.service, scorer=Broken(stage.service.scorer))
        async with stage.consuming(service) as consumer:
            await until(lambda: consumer.figures.retried == 10)
            await asyncio.sleep(0.5)
            assert broker.fetched == consumer.figures.in_flight == 10

    asyncio.run(scenario())


@on("redis")
def test_redis_that_cannot_tell_how_much_waits_is_not_taken_for_one_where_nothing_does(
    stage: Stage, make_events: Events
) -> None:
    async def scenario() -> None:
        await stage.publish(make_events(3))
        async with stage.connected() as broker:
            redis: Any = broker
            entries = await redis._redis.xrange(stage.streams.events)
            await redis._redis.xdel(stage.streams.events, entries[1][0])
            assert math.isnan((await broker.backlog()).events)

    asyncio.run(scenario())
