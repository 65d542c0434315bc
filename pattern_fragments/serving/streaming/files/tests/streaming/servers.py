"""Real brokers, started on free ports with folders of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S = 10.0

KAFKA = "KAFKA_BOOTSTRAP_SERVERS"
"""Where a Kafka for these tests can be reached, if there is one."""

# The client library of Kafka holds a small cluster for tests. It speaks the real protocol over TCP
# (groups, offsets, several partitions), but it is no Kafka: memory only, one process, no replicas.
_TEST_CLUSTER = """
import ctypes, signal
from confluent_kafka import cimpl

# What the library offers in C only: how long a new group waits for further members, 3 s by default.
library = ctypes.CDLL(cimpl.__file__)
for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
    getattr(library, name).restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
client = ctypes.c_void_p(library.rd_kafka_new(0, None, None, ctypes.c_size_t(0)))
cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(client, 1))
library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 100)
print(library.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
signal.pause()
"""


class Server:
    """A server process that can be stopped, killed and started again on its port."""

    def __init__(self, scheme: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._command = _COMMANDS[scheme](self.port, folder)
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
        raise AssertionError(f"{self._command[0]} does not listen")

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


def _redis(port: int, folder: Path) -> list[str]:
    options = f"--port {port} --dir {folder} --save --appendonly yes --appendfsync always"
    return ["redis-server", "--bind", "127.0.0.1", *options.split()]


def _nats(port: int, folder: Path) -> list[str]:
    return ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]


_COMMANDS = {"redis": _redis, "nats": _nats}


@contextmanager
def serving(scheme: str, folder: Path) -> Iterator[Server]:
    """A started server; skips the test when its program is not installed."""
    program = f"{scheme}-server"
    if shutil.which(program) is None:
        pytest.skip(f"{program} IS NOT INSTALLED: nothing was tested against it")
    server = Server(scheme, folder)
    server.start()
    try:
        yield server
    finally:
        server.end()


@contextmanager
def kafka() -> Iterator[str]:
    """The URL of a Kafka, else of the test cluster inside its client library."""
    if servers := os.environ.get(KAFKA):
        yield f"kafka://{servers}"
        return
    command = [sys.executable, "-c", _TEST_CLUSTER]
    with subprocess.Popen(  # noqa: S603 - a command of this file
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield f"kafka://{process.stdout.readline().strip()}"
        process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
