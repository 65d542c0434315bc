"""Real processes on real brokers, ended without a word: nothing is lost, nothing is twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from __package__.model_folder import ModelFolder
from __package__.service import Service
from __package__.settings import Settings
from __package__.streaming.broker import Outgoing
from __package__.streaming.dead_letters import REASON

from .conftest import Row, Stage, environment, event, make_stage, until
from .servers import serving

pytestmark = pytest.mark.slow

Events = Callable[..., list[Outgoing]]

EVENTS = 3000
CONSUME = ("-m", "__package__.consume")

# A consumer whose process dies over rows of one distance, as with a defect in native code.
FATAL = """
import asyncio, os, signal, sys
from dataclasses import replace
from __package__.consume import consume
from __package__.scoring import Scorer
from __package__.settings import read_settings
from __package__.streaming.broker import open_broker
from __package__.streaming.endpoints import listen
from __package__.wiring import build_service

class Fatal(Scorer):
    def __init__(self, inner): self._inner = inner
    def encode_rows(self, rows): return self._inner.encode_rows(rows)
    def score(self, columns, ids=()):
        if 777.0 in columns["distance"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.score(columns, ids)

settings = read_settings()
service = build_service(settings)
service = replace(service, scorer=Fatal(service.scorer))
sys.exit(not asyncio.run(consume(service, open_broker(settings), listen(settings))))
"""


@contextmanager
def process(stage: Stage, folder: ModelFolder, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A consumer in a process of its own; killed at the end."""
    running = subprocess.Popen(  # noqa: S603 - this package
        [sys.executable, *(arguments or CONSUME)],
        env=os.environ | environment(stage.settings, folder.path),
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("stage", ["redis", "nats"], indirect=True)
def test_kill_9_under_load_loses_no_event_and_duplicates_share_a_key(
    stage: Stage, make_events: Events, model_folder: ModelFolder
) -> None:
    stage.settings = stage.settings.model_copy(update={"redeliver_after_s": 1.0})

    async def scenario() -> None:
        await stage.publish(make_events(EVENTS))
        async with stage.connected() as broker:
            with process(stage, model_folder) as victim:
                while (await broker.backlog()).events > 0.8 * EVENTS:
                    await asyncio.sleep(0.005)
                victim.send_signal(signal.SIGKILL)
            assert (await broker.backlog()).events > 0
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.is_connected)
            await asyncio.sleep(2.5)
            await until(lambda: consumer.figures.backlog == (0, 0))
        found = await stage.predictions()
        assert {one["event_id"] for one in found} == {f"e{number}" for number in range(EVENTS)}
        assert len({one["prediction_id"] for one in found}) == EVENTS
        if stage.settings.broker_url.startswith("nats"):
            # The broker itself removes what has the same key.
            assert len(found) == EVENTS
        assert await stage.letters() == []

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["redis", "nats"], indirect=True)
def test_an_event_that_kills_consumers_becomes_a_dead_letter_and_no_other_one_does(
    stage: Stage, make_events: Events, row: Row, model_folder: ModelFolder
) -> None:
    stage.settings = stage.settings.model_copy(
        update={"redeliver_after_s": 1.0, "max_deliveries": 2}
    )
    poison = event("poison", row | {"distance": 777.0})

    async def scenario() -> None:
        await stage.publish([*make_events(10), poison, *make_events(20)[10:]])
        for _ in range(2):
            # It dies first over the whole batch, then over the event alone.
            with process(stage, model_folder, "-c", FATAL) as running:
                await until(lambda process=running: process.poll() is not None)  # type: ignore[misc]
                assert running.returncode == -signal.SIGKILL
        async with stage.consuming() as consumer:
            await until(lambda: consumer.figures.backlog == (0, 1))
        [letter] = await stage.letters()
        assert (letter.headers[REASON], letter.body) == ("crashed", poison.body)
        found = Counter(one["event_id"] for one in await stage.predictions())
        assert set(found) == {f"e{number}" for number in range(20)}

    asyncio.run(scenario())


@pytest.mark.parametrize("scheme", ["redis", "nats"])
def test_a_broker_that_dies_and_comes_back_costs_time_and_no_event(
    scheme: str, tmp_path: Path, service: Service, settings: Settings, make_events: Events
) -> None:
    async def scenario() -> None:
        with serving(scheme, tmp_path) as server:
            stage = make_stage(server.url, service, settings)
            await stage.publish(make_events(1000))
            async with stage.consuming() as consumer:
                await until(lambda: consumer.figures.consumed > 100)
                server.end()
                await until(lambda: not consumer.figures.is_connected)
                await asyncio.sleep(0.5)
                server.start()
                await until(lambda: consumer.figures.backlog == (0, 0))
                await until(lambda: consumer.figures.consumed >= 1000)
                await until(lambda: consumer.figures.is_connected)
            found = await stage.predictions()
            assert {one["event_id"] for one in found} == {f"e{number}" for number in range(1000)}

    asyncio.run(scenario())
