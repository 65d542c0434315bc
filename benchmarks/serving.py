# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "fastapi>=0.115,<1",
#     "httptools>=0.7,<1",
#     "numpy>=2.0,<3",
#     "pandas>=2.2,<4",
#     "scikit-learn>=1.6,<2",
#     "starlette>=0.49,<2",
#     "uvicorn>=0.38,<1",
#     "uvloop>=0.22,<1",
# ]
# ///
"""A generated service against plain FastAPI with scikit-learn and a bare Starlette echo, in one run.

    uv run benchmarks/serving.py SERVICE        a generated folder, trained: `make demo` leaves one

Each server has one core, the load generator another. The loop is closed: each caller sends its next request when
it has its answer. Servers take turns in short rounds, so that a busy neighbour hurts all of them alike; the table shows
medians over the rounds, ratios taken within a round.

The baseline answers the same requests with a model of the same kind and size, as the tutorials do: a pydantic model, a
plain function, a scikit-learn pipeline on a DataFrame. It looks up no features beyond the request, keeps no metrics and
checks nothing but types. A second baseline gets the features as numbers and needs no pandas.
"""

import argparse
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

SERVER_CORE, CALLER_CORE = 0, 1
CALLERS = (1, 32)
START_S = 60.0


@dataclass
class Round:
    """What one server did for a few seconds."""

    requests_per_s: float
    cpu_us: float
    latencies_ms: list[float]


@dataclass
class Target:
    """A server under test and the request that is sent to it."""

    name: str
    command: list[str]
    port: int
    path: str
    body: object
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    start_s: float = 0.0
    rounds: dict[int, list[Round]] = field(default_factory=dict)

    @property
    def request(self) -> bytes:
        text = json.dumps(self.body).encode()
        head = f"POST {self.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        return head.encode() + b"content-length: %d\r\n\r\n" % len(text) + text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", type=Path, help="a generated service with a trained model")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each server")
    options = parser.parse_args()
    if not (options.service / "model" / "signature.json").exists():
        sys.exit(f"{options.service} holds no trained service: run `make demo`, or `make train` there")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for the server, one for the callers")
    service = generated(options.service)
    targets = [baseline(service), echo(service), on_numbers(options.service), service]
    with ExitStack() as stack:
        for target in targets:
            stack.enter_context(running(target))
        os.sched_setaffinity(0, {CALLER_CORE})
        measure(targets, options.rounds, options.seconds)
        print(table(targets))


def generated(service: Path) -> Target:
    """The service as it is generated, with all it does."""
    signature = json.loads((service / "model" / "signature.json").read_text())
    package = next((service / "src").glob("*/serve.py")).parent.name
    python = service.absolute() / ".venv" / "bin" / "python"
    port = free_port()
    return Target(
        "generated service",
        [str(python), "-m", f"{package}.serve"],
        port,
        "/predict",
        {column["name"]: column["example"] for column in signature["inputs"]},
        {"SERVICE_PORT": str(port), "SERVICE_MODEL_DIR": str(service.absolute() / "model")},
    )


def baseline(service: Target) -> Target:
    """What most people write first, for the same requests."""
    return comparison("FastAPI + scikit-learn", "baseline", service.body)


def on_numbers(service: Path) -> Target:
    """The same without a pipeline: callers send the model's features as numbers."""
    features = json.loads((service / "model" / "signature.json").read_text())["features"]
    return comparison("the same, on bare numbers", "numbers", dict.fromkeys(features, 0.5))


def echo(service: Target) -> Target:
    """The least that a server of this kind costs."""
    return comparison("bare Starlette echo", "echo", service.body)


def comparison(name: str, kind: str, body: object) -> Target:
    """A server of this file, in a process of its own."""
    port = free_port()
    return Target(name, [sys.executable, __file__, kind, str(port), json.dumps(body)], port, "/predict", body)


def serve_baseline(port: int, example: dict[str, str | float]) -> None:
    """Serve named fields: the pipeline encodes text, timestamps become numbers."""
    import numpy as np
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel, create_model
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    kinds = {name: kind_of(value) for name, value in example.items()}
    text = [name for name, kind in kinds.items() if kind is str]
    moments = [name for name, kind in kinds.items() if kind is datetime]
    random = np.random.default_rng(0)
    rows = pd.DataFrame({name: random.random(20_000) for name in kinds})
    late = rows.sum(axis=1) + random.random(len(rows)) > (len(kinds) + 1) / 2
    rows[text] = (rows[text] * 20).astype(int).astype(str)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, text), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier()).fit(rows, late)
    row_type = create_model("Row", **{name: (kind, ...) for name, kind in kinds.items()})
    app = FastAPI()

    def predict(row: BaseModel) -> dict[str, float]:
        frame = pd.DataFrame([row.model_dump()])
        for name in moments:
            frame[name] = frame[name].map(datetime.timestamp)
        return {"probability": float(model.predict_proba(frame)[0, 1])}

    predict.__annotations__["row"] = row_type
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, access_log=False, log_level="warning")


def kind_of(value: str | float) -> type:
    """The type that a tutorial would give a field with this example."""
    if not isinstance(value, str):
        return float
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return str
    return datetime


def serve_numbers(port: int, example: dict[str, float]) -> None:
    """Serve a vector of numbers."""
    import numpy as np
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel, create_model
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(0)
    rows = random.random((20_000, len(example)))
    late = rows[:, 0] + rows[:, 1] * rows[:, 2] + random.random(len(rows)) > 1.2
    model = HistGradientBoostingClassifier().fit(rows, late)
    row_type = create_model("Row", **dict.fromkeys(example, (float, ...)))
    app = FastAPI()

    def predict(row: BaseModel) -> dict[str, float]:
        values = np.array([list(row.model_dump().values())])
        return {"probability": float(model.predict_proba(values)[0, 1])}

    predict.__annotations__["row"] = row_type
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, access_log=False, log_level="warning")


def serve_echo(port: int, _: object) -> None:
    """Send back what comes."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def endpoint(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    app = Starlette(routes=[Route("/predict", endpoint, methods=["POST"])])
    uvicorn.run(app, port=port, access_log=False, log_level="warning")


@contextmanager
def running(target: Target) -> Iterator[None]:
    """Start the server on its core, wait until it answers, and stop it in the end."""
    started = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **target.environment}
    command = ["taskset", "-c", str(SERVER_CORE), *target.command]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    target.pid = server.pid
    try:
        while not answers(target):
            if server.poll() is not None or time.monotonic() - started > START_S:
                sys.exit(f"{target.name} did not start: {' '.join(target.command)}")
            time.sleep(0.02)
        target.start_s = time.monotonic() - started
        yield
    finally:
        server.terminate()
        server.wait()


def answers(target: Target) -> bool:
    request = urllib.request.Request(
        f"http://127.0.0.1:{target.port}{target.path}",
        json.dumps(target.body).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
            return True
    except urllib.error.HTTPError as error:
        sys.exit(f"{target.name} refuses the request: {error.read().decode()}")
    except OSError:
        return False


def measure(targets: list[Target], rounds: int, seconds: float) -> None:
    """Let the servers take turns; the first round warms up and does not count."""
    for callers in CALLERS:
        for number in range(rounds + 1):
            for target in targets:
                print(f"\r{callers:3} callers, round {number}/{rounds}: {target.name:25}", end="", file=sys.stderr)
                result = load(target, callers, seconds if number else 0.5)
                if number:
                    target.rounds.setdefault(callers, []).append(result)
    print(file=sys.stderr)


def load(target: Target, callers: int, seconds: float) -> Round:
    """A closed loop over keep-alive connections; any answer but 200 ends the run."""
    request = target.request
    poll = select.epoll()
    connections = {}
    for _ in range(callers):
        connection = socket.create_connection(("127.0.0.1", target.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    sent = {}
    received = dict.fromkeys(connections, b"")
    latencies = []
    cpu_before, started = cpu_ns(target.pid), time.perf_counter()
    for number, connection in connections.items():
        sent[number] = time.perf_counter()
        connection.sendall(request)
    now = started
    while now - started < seconds:
        for number, _ in poll.poll():
            data = received[number] + connections[number].recv(65536)
            if not is_complete(data):
                received[number] = data
                continue
            if not data.startswith(b"HTTP/1.1 200 "):
                sys.exit(f"{target.name} answered {data[:200]!r}")
            now = time.perf_counter()
            latencies.append((now - sent[number]) * 1000)
            received[number], sent[number] = b"", now
            connections[number].send(request)
    cpu_us = (cpu_ns(target.pid) - cpu_before) / 1000 / len(latencies)
    for connection in connections.values():
        connection.close()
    return Round(len(latencies) / (now - started), cpu_us, latencies)


def is_complete(response: bytes) -> bool:
    head, separator, body = response.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def cpu_ns(pid: int) -> int:
    """CPU time of a process, of all its threads that live."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def table(targets: list[Target]) -> str:
    """The medians as a table in Markdown; the first target is the baseline, the second the echo."""
    head = "| server | callers | requests/s | x baseline | CPU µs/request | x echo | p50 ms | p99 ms | start s | MB |"
    lines = [head, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for callers in CALLERS:
        for target in targets:
            rounds = target.rounds[callers]
            # Ratios within a round: its servers had the same neighbours.
            against = [(targets[0].rounds[callers][n], targets[1].rounds[callers][n]) for n in range(len(rounds))]
            pairs = list(zip(rounds, against, strict=True))
            faster = statistics.median(own.requests_per_s / base.requests_per_s for own, (base, _) in pairs)
            dearer = statistics.median(own.cpu_us / bare.cpu_us for own, (_, bare) in pairs)
            latencies = sorted(latency for own in rounds for latency in own.latencies_ms)
            cells = [
                target.name,
                str(callers),
                f"{statistics.median(own.requests_per_s for own in rounds):,.0f}",
                f"{faster:.1f}",
                f"{statistics.median(own.cpu_us for own in rounds):,.0f}",
                f"{dearer:.2f}",
                f"{latencies[len(latencies) // 2]:.2f}",
                f"{latencies[len(latencies) * 99 // 100]:.2f}",
                f"{target.start_s:.1f}",
                f"{resident_mb(target.pid):.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


COMPARISONS = {"baseline": serve_baseline, "numbers": serve_numbers, "echo": serve_echo}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in COMPARISONS:
        COMPARISONS[sys.argv[1]](int(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        main()
