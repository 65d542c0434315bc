"""Online stores to write into without waiting for Feast, and a real Redis."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from __package__.domain import data
from __package__.feature_store.grid import moment_before
from __package__.gauges import Gauge

START_S = 10.0

Events = Mapping[str, pl.DataFrame]


class RedisServer:
    """A server that can be stopped and started again on its port; its data stay in its folder."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"redis://:a,1%3D@127.0.0.1:{self.port}?db=1"
        self._command = [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--dir", str(folder), "--appendonly", "yes", "--requirepass", "a,1="),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a command of this file
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("redis-server does not listen")

    def freeze(self) -> None:
        """Keep the connections open and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A started server; skips the test when its program is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server IS NOT INSTALLED: nothing was tested against it")
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def reading(gauges: Sequence[Gauge], name: str) -> float:
    """What the gauge of that name says now."""
    [gauge] = [gauge for gauge in gauges if gauge.name == name]
    [value] = gauge.values().values()
    return value


def small_events() -> Events:
    """The events of the days that the model of the tests is of."""
    return data.events(data.SMALL_PERIOD.start, data.SMALL_PERIOD.end)


def write_features(path: Path, events: Events, seconds: float) -> int:
    """Replace an online store in a file by one as of a time; the moment that it is of."""
    from __package__.feature_store.materialization import (
        write_online_file,
    )

    moment = moment_before(seconds)
    write_online_file(path, events, moment)
    return moment


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
