"""A candidate that consumes events is not heard, and takes none from the champion."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from __package__.service import Service
from __package__.settings import Settings
from __package__.shadow import silent
from __package__.shadow.consume import shadow_settings
from __package__.shadow.figures import ShadowFigures
from __package__.shadow.silent import SilentBroker
from __package__.shadow.watch import SETTLED, Watch
from __package__.streaming.broker import (
    GROUP,
    BrokerError,
    Message,
    Streams,
)
from __package__.streaming.consumer import Consumer
from __package__.streaming.memory_broker import MemoryBroker
from __package__.streaming.sample_events import sample_event

from .conftest import START, Logs


def test_events_are_scored_and_acknowledged_and_nothing_is_published(service: Service) -> None:
    streams = Streams.of(service.settings)

    async def consume() -> tuple[int, float, int]:
        broker = MemoryBroker(streams)
        good = [sample_event(str(number), service.signature.example) for number in range(5)]
        wrong = sample_event("wrong", {"no": "input"})
        await broker.publish(streams.events, [*good, wrong])
        consumer, stop = Consumer(service, SilentBroker(broker)), asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        while consumer.figures.consumed < 5 or not consumer.figures.dead_lettered:
            await asyncio.sleep(0.01)
        stop.set()
        assert await running
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(broker.read(streams.predictions), 0.1)
        backlog = await broker.backlog()
        return consumer.figures.consumed, backlog.events, backlog.dead_letters

    assert asyncio.run(asyncio.wait_for(consume(), 30)) == (5, 0, 0)


def test_dead_letters_of_the_champion_stay_where_they_are(service: Service) -> None:
    streams = Streams.of(service.settings)

    async def settle() -> int:
        broker = MemoryBroker(streams)
        await broker.publish(streams.dead_letters, [sample_event("1", {})])
        silent = SilentBroker(broker)
        async for letter in silent.dead_letters():
            await silent.settle(letter, keep=False)
        return (await broker.backlog()).dead_letters

    assert asyncio.run(settle()) == 1


def test_events_that_came_long_ago_are_not_predicted_from_the_features_of_today(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silent, "LATE_S", 0.2)
    streams = Streams.of(service.settings)

    async def fetch() -> tuple[list[str], float]:
        broker = MemoryBroker(streams)
        for number in range(3):
            if number == 2:
                await asyncio.sleep(0.3)
            await broker.publish(streams.events, [sample_event(str(number), {})])
        mine = SilentBroker(broker)
        fetched = await mine.fetch(10, 0.1)
        [skipped] = [gauge.values()[()] for gauge in mine.gauges()]
        assert skipped == 2
        # The late ones need not be delivered again.
        return [event.position for event in fetched], (await broker.backlog()).events

    assert asyncio.run(fetch()) == (["3"], 1)


def test_late_events_that_cannot_be_acknowledged_are_not_counted_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silent, "LATE_S", -1.0)
    streams = Streams.of(service.settings)

    class Deaf(MemoryBroker):
        async def ack(self, events: Sequence[Message]) -> None:
            if self.refuses:
                raise BrokerError("no ack")
            await super().ack(events)

        refuses = True

    async def fetch() -> list[float]:
        broker = Deaf(streams)
        await broker.publish(streams.events, [sample_event("1", {})])
        mine = SilentBroker(broker)
        [gauge] = mine.gauges()
        assert not await mine.fetch(10, 0.1)
        before = gauge.values()[()]
        broker.refuses = False
        await broker.publish(streams.events, [sample_event("2", {})])
        assert not await mine.fetch(10, 0.1)
        return [before, gauge.values()[()]]

    assert asyncio.run(fetch()) == [0, 1]


@pytest.mark.parametrize("group", [None, "mine", "mine-shadow"])
def test_its_group_is_never_the_champion_s(group: str | None) -> None:
    champion = Settings(consumer_group=group)
    assert shadow_settings(champion).consumer_group == f"{group or GROUP}-shadow"


def test_it_writes_into_its_own_log() -> None:
    champion = Settings(prediction_log="here", shadow_log="there")
    assert shadow_settings(champion).prediction_log == "there"


def test_the_watch_shows_what_the_last_hour_was_like(logs: Logs) -> None:
    logs.champion(np.linspace(0, 1, 400))
    logs.candidate(np.linspace(0, 1, 400)[:200])
    figures = ShadowFigures(logs.settings)
    watch = Watch(logs.settings, figures)
    watch.look(START + timedelta(minutes=30))
    shown = {gauge.name: gauge.values()[()] for gauge in figures.gauges()}
    assert shown["shadow_compared_rows"] == 200
    assert shown["shadow_coverage"] == 0.5
    assert shown["shadow_coverage_limit"] == logs.settings.shadow_min_coverage
    assert shown["shadow_differing_share"] == 0
    assert shown["shadow_failed"] == 0


def test_a_candidate_that_has_none_of_the_events_is_behind_and_has_not_failed(logs: Logs) -> None:
    figures = ShadowFigures(logs.settings)
    watch = Watch(logs.settings, figures)
    watch.look(datetime.now(UTC))
    assert not figures.failed
    logs.champion(np.linspace(0, 1, 10))
    logs.candidate(np.linspace(0, 1, 10), first=1000)
    watch.look(START + SETTLED + timedelta(minutes=30))
    assert not figures.failed
    assert figures.found.coverage == 0


def test_outcomes_that_cannot_be_read_are_nothing_to_the_watch(logs: Logs) -> None:
    logs.champion(np.linspace(0, 1, 10))
    logs.candidate(np.linspace(0, 1, 10))
    Path(logs.settings.outcomes).mkdir()
    (Path(logs.settings.outcomes) / "half.parquet").write_bytes(b"PAR1")
    figures = ShadowFigures(logs.settings)
    Watch(logs.settings, figures).look(START + timedelta(minutes=30))
    assert figures.found.rows == 10


def test_a_log_that_cannot_be_read_is_a_failure(logs: Logs) -> None:
    logs.champion(np.linspace(0, 1, 10))
    logs.candidate(np.linspace(0, 1, 10))
    [path] = Path(logs.settings.shadow_log).rglob("*.parquet")
    path.write_bytes(b"PAR1")
    figures = ShadowFigures(logs.settings)
    Watch(logs.settings, figures).look(START + timedelta(minutes=30))
    assert figures.failed


def test_its_pods_reach_an_object_store_that_the_logs_lie_in() -> None:
    path = Path(__file__).parents[2] / "deploy" / "shadow" / "base" / "networkpolicy.yaml"
    policies = [one["spec"] for one in yaml.safe_load_all(path.read_text())]
    ports = {port["port"] for one in policies for rule in one["egress"] for port in rule["ports"]}
    assert {53, 443} <= ports


def test_the_pod_runs_the_command_that_publishes_nothing() -> None:
    path = Path(__file__).parents[2] / "deploy" / "shadow" / "base" / "deployment.yaml"
    [container] = yaml.safe_load(path.read_text())["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == shadow_settings.__module__
