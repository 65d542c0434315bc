"""The process: what it refuses to start with, its probes, and how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from __package__ import demonstrate
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.publish import publish
from __package__.replay import replay
from __package__.service import Service
from __package__.settings import Settings
from __package__.streaming.broker import (
    Outgoing,
    Streams,
    open_broker,
    shared_broker,
)
from __package__.streaming.endpoints import endpoints, listen
from __package__.streaming.figures import Figures

from .conftest import Stage, environment, make_stage
from .servers import free_port

pytestmark = pytest.mark.slow

CONSUME = "__package__.consume"
DEMONSTRATE = "__package__.demonstrate"

Events = Callable[..., list[Outgoing]]


@contextmanager
def consuming(
    stage: Stage, folder: ModelFolder, module: str = CONSUME
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A consumer in a process of its own, and the address of its endpoints."""
    process = subprocess.Popen(  # noqa: S603 - this package
        [sys.executable, "-m", module],
        env=os.environ | environment(stage.settings, folder.path),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            entry = json.loads(line)
            if entry["message"] == "consuming":
                break
        yield process, f"http://127.0.0.1:{entry['port']}"
    finally:
        process.kill()
        process.communicate()


def status(address: str, path: str) -> int:
    return httpx.get(f"{address}{path}", trust_env=False).status_code


def waits_for(address: str, path: str, expected: int) -> bool:
    deadline = time.monotonic() + 10
    while status(address, path) != expected:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SERVICE_BROKER_URL": "amqp://me:secret@host"}, "SERVICE_BROKER_URL begins with 'amqp'"),
        (
            {
                "SERVICE_BROKER_URL": "nats://me:secret@host",
                "SERVICE_EVENTS_STREAM": "orders.created",
            },
            "SERVICE_EVENTS_STREAM is 'orders.created', but a name on nats:// has 1 to 249",
        ),
    ],
)
def test_settings_that_cannot_work_end_it_in_one_sentence(
    variables: dict[str, str], sentence: str, model_folder: ModelFolder
) -> None:
    variables |= {"SERVICE_MODEL_DIR": str(model_folder.path)}
    result = subprocess.run(  # noqa: S603 - this package
        [sys.executable, "-m", CONSUME],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"cannot consume: {sentence}")
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"broker_url": "kafka://host:1?no.such=1"}, "URL: No such configuration property"),
        ({"broker_url": "redis://me:sec/ret@host"}, "URL is no address of a broker, such as"),
        ({"broker_url": "nats://me:sec/ret@host"}, "URL is no address of a broker, such as"),
        ({"events_stream": "predictions"}, "must be three different streams"),
    ],
)
def test_a_broker_that_cannot_be_is_refused_without_its_password(
    update: dict[str, str], sentence: str, settings: Settings
) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        open_broker(settings.model_copy(update=update))
    assert "sec" not in str(refusal.value)


@pytest.mark.parametrize(
    ("scheme", "setting", "name"),
    [
        ("nats", "events_stream", "orders.created"),
        ("tls", "consumer_group", "a.b"),
        ("redis", "predictions_stream", ""),
        ("redis", "dead_letters_stream", "dead letters"),
        ("kafka", "events_stream", "orders/created"),
        ("kafka", "dead_letters_stream", ".."),
    ],
)
def test_a_name_that_the_broker_does_not_take_is_refused_by_the_name_of_its_setting(
    scheme: str, setting: str, name: str, settings: Settings
) -> None:
    update = {"broker_url": f"{scheme}://host", setting: name}
    with pytest.raises(ValueError, match=f"^SERVICE_{setting.upper()} is '{name}', but a name on"):
        open_broker(settings.model_copy(update=update))


@pytest.mark.parametrize(
    ("scheme", "name"), [("kafka", "orders.created"), ("redis", "orders:created")]
)
def test_a_name_that_only_another_broker_refuses_is_taken(
    scheme: str, name: str, settings: Settings
) -> None:
    update = {"broker_url": f"{scheme}://host", "events_stream": name}
    assert Streams.of(settings.model_copy(update=update)).events == name


def test_the_demonstration_ends_in_one_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("__package__.logs.configure", lambda _: None)
    monkeypatch.setenv("SERVICE_EVENTS_STREAM", "predictions")
    with pytest.raises(SystemExit, match=r"^cannot demonstrate: .* three different streams"):
        demonstrate.main([])


def test_commands_for_the_streams_of_another_process_need_a_broker(settings: Settings) -> None:
    with pytest.raises(ValueError, match="memory:// lives within one process"):
        asyncio.run(publish(settings, per_second=1, most=1))
    with pytest.raises(ValueError, match="memory:// lives within one process"):
        asyncio.run(replay(settings, None, 1, is_dry=True))
    with pytest.raises(ValueError, match="memory:// lives within one process"):
        shared_broker(settings)


@pytest.mark.parametrize("stage", ["redis"], indirect=True)
def test_sigterm_finishes_what_is_in_flight_and_ends_with_0(
    stage: Stage, make_events: Events, model_folder: ModelFolder
) -> None:
    async def left_over() -> tuple[float, int]:
        async with stage.connected() as broker:
            return (await broker.backlog()).events, len(await stage.predictions())

    asyncio.run(stage.publish(make_events(4000)))
    with consuming(stage, model_folder) as (process, address):
        assert status(address, "/livez") == 200
        assert waits_for(address, "/readyz", 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    waiting, predicted = asyncio.run(left_over())
    assert waiting + predicted == 4000


@pytest.mark.parametrize("address", ["redis://:secret@", "nats://me:secret@"])
def test_a_broker_that_is_away_makes_the_consumer_wait_alive_and_not_ready(
    address: str, service: Service, settings: Settings, model_folder: ModelFolder
) -> None:
    stage = make_stage(f"{address}127.0.0.1:{free_port()}", service, settings)
    with consuming(stage, model_folder) as (process, place):
        assert process.stdout is not None
        said: list[str] = []
        while not said or "the broker fails to fetch" not in said[-1]:
            said.append(process.stdout.readline())
            assert said[-1]
        assert status(place, "/livez") == 200
        assert status(place, "/readyz") == 503
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 0
    assert "secret" not in "".join(said) + output


def test_what_hinders_the_service_makes_it_alive_and_not_ready(settings: Settings) -> None:
    work = {"hindered": 0.0}
    gauge = Gauge("work_hindered", "", lambda: work["hindered"], hinders=True)
    figures = Figures(lambda: 0)
    figures.is_connected = True
    listener = listen(settings.model_copy(update={"port": 0}))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with endpoints(listener, figures, asyncio.Event(), [], [gauge]):
        assert status(address, "/readyz") == 200
        work["hindered"] = 1.0
        assert status(address, "/readyz") == 503
        assert status(address, "/livez") == 200


def test_without_a_broker_it_shows_predictions_for_sample_events(
    service: Service, settings: Settings, model_folder: ModelFolder
) -> None:
    stage = make_stage("memory://", service, settings)
    with consuming(stage, model_folder, DEMONSTRATE) as (process, _):
        assert process.stdout is not None
        for line in process.stdout:
            entry = json.loads(line)
            if entry["message"] == "predicted":
                break
        assert entry["events"] > 0
        assert 0 <= entry["newest"]["value"] <= 1
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
