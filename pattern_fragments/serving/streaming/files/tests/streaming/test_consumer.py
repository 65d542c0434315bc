"""What every broker has in common: each test runs against all of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from __package__.columns import Columns
from __package__.observer import Observers, Refused, Scored
from __package__.replay import replay_from
from __package__.scoring import Scorer
from __package__.service import Service
from __package__.streaming.broker import (
    Broker,
    Message,
    Outgoing,
)
from __package__.streaming.dead_letters import (
    DELIVERIES,
    DETAIL,
    REASON,
    REPLAYED,
)

from .conftest import Row, Stage, event, until

pytestmark = pytest.mark.slow

Events = Callable[..., list[Outgoing]]

everywhere = pytest.mark.parametrize("stage", ["memory", "redis", "nats", "kafka"], indirect=True)


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.scores: list[Scored] = []
        self.refusals: list[str] = []

    def scored(self, scored: Scored) -> None:
        self.scores.append(scored)

    def refused(self, refused: Refused) -> None:
        self.refusals.append(refused.reason)

    def close(self) -> None:
        """Everything stays."""


class Poisoned(Scorer):
    """Scores as another one does, but fails a number of times for rows of one distance."""

    def __init__(self, scorer: Scorer, distance: float, failures: float) -> None:
        self._inner = scorer
        self._distance = distance
        self.failures = failures

    def encode_rows(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        return self._inner.encode_rows(rows)

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        if self.failures > 0 and self._distance in columns["distance"]:
            self.failures -= 1
            raise RuntimeError("the sensor is on fire")
        return self._inner.score(columns, ids)


def poisoned(service: Service, failures: float = float("inf")) -> Service:
    return replace(service, scorer=Poisoned(service.scorer, 777.0, failures))


@everywhere
def test_each_event_becomes_one_prediction_under_its_own_key(
    stage: Stage, make_events: Events
) -> None:
    async def scenario() -> None:
        await stage.publish(make_events(300))
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 300)
            await until(lambda: consumer.figures.backlog == (0, 0))
        found = await stage.predictions()
        assert sorted(one["event_id"] for one in found) == sorted(f"e{n}" for n in range(300))
        assert len({one["prediction_id"] for one in found}) == 300
        assert {one["model_version"] for one in found} == {stage.service.signature.version}

    asyncio.run(scenario())


@everywhere
def test_what_cannot_be_scored_goes_to_the_dead_letters_with_the_reason_and_holds_up_nobody(
    stage: Stage, make_events: Events, row: Row
) -> None:
    no_json = Outgoing("bad", b'{"specversion": ', {"origin": "elsewhere"})
    wrong_row = event("wrong", row | {"distance": "far"})
    poison = event("poison", row | {"distance": 777.0})

    async def scenario() -> None:
        recorder = Recorder()
        service = replace(poisoned(stage.service), observers=Observers([recorder]))
        await stage.publish([no_json, *make_events(20), wrong_row, poison])
        async with stage.consuming(service) as consumer:
            await until(lambda: consumer.figures.dead_lettered == 3)
            assert consumer.figures.consumed == 20
            assert consumer.figures.retried == stage.settings.max_deliveries - 1
            await until(lambda: consumer.figures.backlog == (0, 3))
            shown = {gauge.name: gauge.values()[()] for gauge in consumer.figures.gauges()}
            assert shown["events_consumed_total"] == 20
            assert shown["events_retried_total"] == stage.settings.max_deliveries - 1
            assert shown["events_dead_lettered_total"] == shown["dead_letters_waiting"] == 3
            assert shown["consumer_lag_events"] == shown["events_in_flight"] == 0
            assert 0 <= shown["event_age_youngest_seconds"] <= shown["event_age_oldest_seconds"]
            assert shown["broker_connected"] == 1
        letters = {letter.headers[REASON]: letter for letter in await stage.letters()}
        assert set(letters) == {"malformed", "invalid_input", "failed"}
        assert letters["malformed"].body == no_json.body
        assert letters["malformed"].headers["origin"] == "elsewhere"
        assert letters["invalid_input"].headers[DETAIL] == "distance must be a number, not text"
        assert letters["failed"].body == poison.body
        assert letters["failed"].headers[DETAIL] == "RuntimeError: the sensor is on fire"
        assert letters["failed"].headers[DELIVERIES] == str(stage.settings.max_deliveries)
        assert sorted(recorder.refusals) == ["internal_error", "invalid_input", "malformed"]
        assert len(await stage.predictions()) == 20

    asyncio.run(scenario())


@everywhere
def test_a_failure_that_passes_leaves_no_dead_letter(
    stage: Stage, make_events: Events, row: Row
) -> None:
    # No event comes again but by a failure: each delivery counts as a try.
    stage.settings = stage.settings.model_copy(update={"redeliver_after_s": 30.0})

    async def scenario() -> None:
        await stage.publish([*make_events(5), event("shaky", row | {"distance": 777.0})])
        # The first try is followed by a search for the culprit among six: three more failures.
        async with stage.consuming(poisoned(stage.service, failures=5)) as consumer:
            await until(lambda: consumer.figures.consumed == 6)
            assert consumer.figures.retried >= 1
        assert await stage.letters() == []

    asyncio.run(scenario())


@everywhere
def test_dead_letters_are_replayed_with_the_same_ids(stage: Stage, row: Row) -> None:
    poison = [event(f"p{number}", row | {"distance": 777.0}) for number in range(3)]

    async def scenario() -> None:
        await stage.publish([*poison, Outgoing("bad", b"no event")])
        async with stage.consuming(poisoned(stage.service)) as consumer:
            await until(lambda: consumer.figures.dead_lettered == 4)
        lines: list[str] = []
        async with stage.connected() as broker:
            listed = await replay_from(
                broker, stage.streams, "failed", is_dry=True, show=lines.append
            )
            moved = await replay_from(broker, stage.streams, "failed")
            assert (listed.done, moved.done) == (3, 3)
        assert len(lines) == 3
        assert all("the sensor is on fire" in line for line in lines)
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 3)
            await until(lambda: consumer.figures.backlog == (0, 1))
            assert consumer.figures.late == 0
        assert {one["event_id"] for one in await stage.predictions()} == {"p0", "p1", "p2"}

    asyncio.run(scenario())


class Watched:
    """A broker that remembers what was asked of it, and can be told to fail or to wait."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.asked: list[str] = []
        self.fetched = 0
        self.gate = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        events = await self._broker.fetch(most, wait_s)
        self.fetched += len(events)
        return events

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        await self.gate.wait()
        await self._broker.publish(stream, messages)
        self.asked.append("published")

    async def ack(self, events: Sequence[Message]) -> None:
        self.asked.append("acknowledged")
        await self._broker.ack(events)


@everywhere
def test_nothing_is_acknowledged_before_its_prediction_is_out_and_a_slow_stream_slows_the_intake(
    stage: Stage, make_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        limits = {"max_events_in_flight": 40, "max_batch_events": 16}
        stage.settings = stage.settings.model_copy(update=limits | {"redeliver_after_s": 30.0})
        await stage.publish(make_events(200))
        watched = Watched(stage.broker())
        monkeypatch.setattr(stage, "broker", lambda: watched)
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.in_flight == 40)
            await asyncio.sleep(0.3)
            assert watched.fetched == 40
            assert watched.asked == []
            watched.gate.set()
            await until(lambda: consumer.figures.consumed == 200)
        seen = Counter[str]()
        for act in watched.asked:
            seen[act] += 1
            assert seen["acknowledged"] <= seen["published"]

    asyncio.run(scenario())


@everywhere
def test_what_one_consumer_leaves_behind_another_takes_over(
    stage: Stage, make_events: Events
) -> None:
    # Longer than a busy machine stands still: a consumer that does is given its events again.
    stage.settings = stage.settings.model_copy(update={"redeliver_after_s": 5.0})

    async def scenario() -> None:
        await stage.publish(make_events(50))
        lost = stage.broker()
        await lost.open()
        fetched: list[Message] = []
        while not fetched:
            fetched = await lost.fetch(20, 1.0)
        if stage.memory is None:
            # On Kafka this gives the partitions back; elsewhere it changes nothing.
            await lost.close()
        found: list[str] = []
        deadline = time.monotonic() + 60
        async with stage.consuming():
            # The events that are taken over come last, and an event given twice counts twice: so
            # until each has its prediction.
            while len(set(found)) < 50 and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
                found = [one["event_id"] for one in await stage.predictions()]
        assert sorted(found) == sorted(f"e{number}" for number in range(50))

    asyncio.run(scenario())


@everywhere
def test_draining_finishes_what_was_fetched_and_fetches_no_more(
    stage: Stage, make_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        stage.settings = stage.settings.model_copy(
            update={"max_batch_events": 10, "max_events_in_flight": 30}
        )
        await stage.publish(make_events(100))
        watched = Watched(stage.broker())
        monkeypatch.setattr(stage, "broker", lambda: watched)
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.in_flight > 0)
            asyncio.get_running_loop().call_later(0.2, watched.gate.set)
        assert consumer.figures.in_flight == 0
        monkeypatch.undo()
        assert 0 < consumer.figures.consumed < 100
        assert len(await stage.predictions()) == consumer.figures.consumed

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["redis"], indirect=True)
def test_a_consumer_that_was_just_asking_its_broker_ends_all_the_same(stage: Stage) -> None:
    """A client of a broker may lose the first cancellation, sometimes: hence some tries."""

    async def once() -> None:
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.backlog is not None)

    async def scenario() -> None:
        for _ in range(10):
            await asyncio.wait_for(once(), 20)

    asyncio.run(scenario())


@everywhere
def test_the_age_of_events_is_counted_and_late_ones_too(
    stage: Stage, make_events: Events, row: Row
) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    async def scenario() -> None:
        await stage.publish([*make_events(3), event("old", row, time=an_hour_ago)])
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 4)
            assert consumer.figures.late == 1
            assert 3600 <= consumer.figures.oldest_s() < 3700
            assert 0 <= consumer.figures.youngest_s() < 60

    asyncio.run(scenario())


@everywhere
def test_no_event_hides_from_being_late_by_its_time_or_by_the_header_of_a_replay(
    stage: Stage, row: Row
) -> None:
    replayed = event("replayed", row, time=datetime.now(UTC))
    hiding = [
        event("silent", row, time=None),
        event("past", row, time="0001-01-01T00:00:00Z"),
        event("future", row, time="9999-12-31T23:59:59Z"),
        replace(replayed, headers={REPLAYED: ""}),
    ]

    async def scenario() -> None:
        stage.settings = stage.settings.model_copy(update={"late_after_s": 0.5})
        await stage.publish(hiding)
        await asyncio.sleep(0.6)
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.consumed == 4)
            assert consumer.figures.late == 4
            assert 0.5 < consumer.figures.youngest_s() <= consumer.figures.oldest_s() < 60
            shown = {gauge.name: gauge.values()[()] for gauge in consumer.figures.gauges()}
            assert shown["events_without_time_total"] == 1
            assert shown["events_wrong_time_total"] == 2

    asyncio.run(scenario())
