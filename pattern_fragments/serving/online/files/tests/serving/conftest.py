"""The service as a process of its own, and ways to talk to it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from __package__.model_folder import ModelFolder
from __package__.observer import Refused, Scored
from __package__.signature import Signature

Row = dict[str, object]


@dataclass(frozen=True)
class Server:
    """A running service."""

    process: "subprocess.Popen[str]"
    port: int
    client: httpx.Client

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def exchange(self, request: bytes) -> bytes:
        """Send bytes as they are; what the server says until it closes the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """What arrives until the other side closes."""
    chunks = []
    while chunk := connection.recv(65536):
        chunks.append(chunk)
    return b"".join(chunks)


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.heard: list[Scored | Refused] = []

    def scored(self, scored: Scored) -> None:
        self.heard.append(scored)

    def refused(self, refused: Refused) -> None:
        self.heard.append(refused)

    def close(self) -> None:
        """Everything stays."""


def reasons(recorder: Recorder) -> list[str]:
    return [event.reason for event in recorder.heard if isinstance(event, Refused)]


@contextmanager
def serving(model_dir: Path, **settings: object) -> Iterator[Server]:
    """A service on a port that the system chooses, with these settings."""
    environment = {f"SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {"SERVICE_PORT": "0", "SERVICE_MODEL_DIR": str(model_dir)}
    process = subprocess.Popen(
        [sys.executable, "-m", "__package__.serve"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = _port(process)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield Server(process, port, client)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        entry = json.loads(line)
        if entry["message"] == "serving":
            return int(entry["port"])
    raise AssertionError("the service ended before it listened")


@pytest.fixture(scope="session")
def server(model_folder: ModelFolder) -> Iterator[Server]:
    """One service with the default settings for all tests that do not stop it."""
    with serving(model_folder.path) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> httpx.Client:
    return server.client


@pytest.fixture
def start(model_folder: ModelFolder) -> Iterator[Callable[..., Server]]:
    """Starts services with settings of their own, which end with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(model_folder.path, **settings))


@pytest.fixture
def row(signature: Signature) -> Row:
    """A valid row."""
    return dict(signature.example)
