"""Measure a generated streaming service on real brokers: python benchmarks/streaming.py <service>

Four questions, each answered on Redis and on NATS, started here with an empty folder:

- how many events a second one consumer turns into predictions, by the largest batch it may score at once;
- how many a FastStream consumer does, written as its documentation shows, with the same scorer, one event at a time;
- how old an event is when its prediction is stored, at a moderate rate;
- how many events are lost, and how many predictions are there twice, when the consumer is killed in the middle.

Throughput is taken from the broker: the time in which a full stream falls from 90 % to 10 %. Consumers take turns, so
that a busy neighbour hurts all of them alike. The interpreter must have the service's requirements, those of training,
and FastStream.
"""

import argparse
import asyncio
import importlib
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BATCHES = (1, 8, 64, 256)
RATE, RATE_S = 200.0, 10.0
COMMANDS = {
    "redis": "redis-server --port {port} --dir {folder} --save --appendonly yes",
    "nats": "nats-server -a 127.0.0.1 -p {port} -js -sd {folder}",
}
STREAMS = ("events", "predictions", "dead-letters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", type=Path, help="a generated service with a trained model")
    parser.add_argument("--events", type=int, default=10_000, help="events of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each consumer")
    parser.add_argument("--model", type=Path, help="the model folder; the service's own by default")
    options = parser.parse_args()
    model = (options.model or options.service / "model").absolute()
    if not (model / "signature.json").exists():
        sys.exit(f"{model} holds no model: run `make train` in {options.service}")
    source = options.service.absolute() / "src"
    package = next(source.glob("*/consume.py")).parent.name
    sys.path.insert(0, str(source))
    os.environ |= {"SERVICE_MODEL_DIR": str(model), "SERVICE_PORT": "0", "OMP_NUM_THREADS": "1"}
    os.environ |= {"PYTHONPATH": str(source), "SERVICE_CONSUMER_GROUP": "benchmark", "SERVICE_REDELIVER_AFTER_S": "3"}
    for scheme in COMMANDS:
        asyncio.run(measure(scheme, package, options.events, options.rounds))


async def measure(scheme: str, package: str, count: int, rounds: int) -> None:
    """All measurements on one broker, printed as they come."""
    own = [str(batch) for batch in BATCHES]
    rates: dict[str, list[float]] = {name: [] for name in [*own, "faststream"]}
    for number, name in itertools.product(range(rounds), rates):
        with broker_server(scheme) as url:
            print(f"\r{scheme}, round {number + 1}/{rounds}: {name:12}", end="", file=sys.stderr)
            rates[name].append(await throughput(scheme, url, package, name, count))
    print(file=sys.stderr)
    print(f"\n{scheme}, {count} events, medians of {rounds} rounds\n")
    print("| consumer | events/s | x FastStream |\n|---|--:|--:|")
    for name, measured in rates.items():
        ratio = statistics.median(a / b for a, b in zip(measured, rates["faststream"], strict=True))
        title = "FastStream, one at a time" if name == "faststream" else f"generated, batches of up to {name}"
        print(f"| {title} | {statistics.median(measured):,.0f} | {ratio:.1f} |")
    with broker_server(scheme) as url:
        ages = await latencies(url, package)
        print(f"\n{RATE:.0f} events/s: p50 {ages[len(ages) // 2]:.1f} ms, p99 {ages[len(ages) * 99 // 100]:.1f} ms")
    with broker_server(scheme) as url:
        print(await killed(url, package, count), flush=True)


async def throughput(scheme: str, url: str, package: str, name: str, count: int) -> float:
    """Events a second that a consumer acknowledges."""
    broker = await opened(url, package)
    if name == "faststream":
        await fill_for_faststream(scheme, url, package, count)
        command = [sys.executable, __file__, "faststream", scheme, url, package]
    else:
        await fill(broker, package, count)
        command = [sys.executable, "-m", f"{package}.consume"]
        os.environ["SERVICE_MAX_BATCH_EVENTS"] = name
    with consumer(command):
        started = await falls_to(broker, 0.9 * count)
        seconds = await falls_to(broker, 0.1 * count) - started
    await broker.close()
    return 0.8 * count / seconds


async def falls_to(broker: Any, waiting: float) -> float:
    """When at most so many events waited, within some milliseconds."""
    while (await broker.backlog()).events > waiting:
        await asyncio.sleep(0.005)
    return time.perf_counter()


async def latencies(url: str, package: str) -> list[float]:
    """From the event's own time to the moment the broker stored its prediction, in ms, sorted."""
    os.environ["SERVICE_MAX_BATCH_EVENTS"] = "256"
    samples = importlib.import_module(f"{package}.streaming.sample_events")
    streams = importlib.import_module(f"{package}.streaming.broker").Streams(*STREAMS, "x", 3, 10**6)
    broker = await opened(url, package)
    with consumer([sys.executable, "-m", f"{package}.consume"]):
        await samples.feed(broker, streams, RATE, RATE)  # the first second warms up
        await falls_to(broker, 0)
        first = int(RATE)
        await samples.feed(broker, streams, RATE, RATE * RATE_S)
        await falls_to(broker, 0)
    await broker.close()
    born = {event["id"]: event["time"] for event, _ in await contents(url, "events")}
    stored = [(moment, event["data"]["event_id"]) for event, moment in await contents(url, "predictions")]
    return sorted((moment - seconds(born[name])) * 1000 for moment, name in stored[first:])


async def killed(url: str, package: str, count: int) -> str:
    """What two kill -9 under load cost."""
    broker = await opened(url, package)
    await fill(broker, package, count)
    for share in (0.8, 0.4):
        with consumer([sys.executable, "-m", f"{package}.consume"]) as victim:
            await falls_to(broker, share * count)
            victim.send_signal(signal.SIGKILL)
    with consumer([sys.executable, "-m", f"{package}.consume"]):
        await falls_to(broker, 0)
    await broker.close()
    asked = {event["id"] for event, _ in await contents(url, "events")}
    answered = [(event["data"]["event_id"], event["id"]) for event, _ in await contents(url, "predictions")]
    lost, keys = len(asked - {name for name, _ in answered}), len({key for _, key in answered})
    return (
        f"kill -9 twice under load: of {count} events {lost} lost, {len(answered) - count} predictions twice,"
        f" {keys - count} under another key"
    )


async def opened(url: str, package: str) -> Any:
    os.environ["SERVICE_BROKER_URL"] = url
    settings = importlib.import_module(f"{package}.settings").Settings()
    broker = importlib.import_module(f"{package}.streaming.broker").open_broker(settings)
    await broker.open()
    return broker


async def fill(broker: Any, package: str, count: int) -> None:
    events = list(itertools.islice(sample(package), count))
    for start in range(0, count, 500):
        await broker.publish("events", events[start : start + 500])


def sample(package: str) -> Iterator[Any]:
    events: Iterator[Any] = importlib.import_module(f"{package}.streaming.sample_events").sample_events()
    return events


async def contents(url: str, stream: str) -> list[tuple[dict[str, Any], float]]:
    """The events of a stream, and when the broker stored each, in seconds since 1970."""
    rows = []
    if url.startswith("redis"):
        from redis.asyncio import Redis

        client = Redis.from_url(url)
        for position, fields in await client.xrange(stream):
            rows.append((json.loads(fields[b"body"]), int(position.partition(b"-")[0]) / 1000))
        await client.aclose()
        return rows
    import nats

    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    for number in range(1, (await jetstream.stream_info(stream)).state.last_seq + 1):
        raw = await jetstream.get_msg(stream, number)
        rows.append((json.loads(raw.data), raw.time.timestamp()))
    await connection.close()
    return rows


def seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


async def fill_for_faststream(scheme: str, url: str, package: str, count: int) -> None:
    """The same events, in the envelope that FastStream expects."""
    events = itertools.islice(sample(package), count)
    if scheme == "redis":
        from faststream.redis import RedisBroker as Broker
    else:
        from faststream.nats import NatsBroker as Broker
    async with Broker(url) as broker:
        for event in events:
            message = json.loads(event.body)
            await (broker.publish(message, stream="events") if scheme == "redis" else broker.publish(message, "events"))


def consume_with_faststream(scheme: str, url: str, package: str) -> None:
    """What its documentation shows, around the service's scorer."""
    import faststream

    settings = importlib.import_module(f"{package}.settings").read_settings()
    scorer = importlib.import_module(f"{package}.wiring").build_service(settings).scorer

    async def predict(event: dict[str, Any]) -> dict[str, Any]:
        scored = scorer.score(scorer.encode_rows([event["data"]]))
        return {"event_id": event["id"], "value": float(scored.predictions[0])}

    if scheme == "redis":
        from faststream.redis import RedisBroker, StreamSub

        broker: Any = RedisBroker(url, logger=None)
        stream = StreamSub("events", group="benchmark", consumer="one", max_records=256)
        broker.subscriber(stream=stream)(broker.publisher(stream="predictions")(predict))
    else:
        from faststream.nats import JStream, NatsBroker, PullSub

        broker = NatsBroker(url, logger=None)
        subscriber = broker.subscriber(
            "events", stream=JStream("events", declare=False), durable="benchmark", pull_sub=PullSub(batch_size=256)
        )
        subscriber(broker.publisher("predictions", stream=JStream("predictions", declare=False))(predict))
    asyncio.run(faststream.FastStream(broker, logger=None).run())


@contextmanager
def broker_server(scheme: str) -> Iterator[str]:
    """The URL of a broker that has just been started, with an empty folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = COMMANDS[scheme].format(port=port, folder=folder).split()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
            yield f"{scheme}://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def consumer(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["faststream"]:
        consume_with_faststream(*sys.argv[2:5])
    else:
        main()
