"""The process: how it starts, what it logs, how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from __package__ import serve
from __package__.observer import Observers
from __package__.service import Service
from __package__.settings import Settings

from .conftest import Row, Server, read_all

pytestmark = pytest.mark.slow

SERVING = "__package__.serving"


def stop(server: Server) -> list[dict[str, object]]:
    """Stop a service; what it logged since it listened."""
    server.process.send_signal(signal.SIGTERM)
    output, _ = server.process.communicate(timeout=10)
    assert server.process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def test_wrong_settings_are_named_one_a_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "__package__.serve"],
        env=os.environ | {"SERVICE_PORT": "x", "SERVICE_MAX_ROWS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    port, max_rows = ended.stderr.splitlines()
    assert port.startswith("cannot serve: SERVICE_PORT: ")
    assert max_rows.startswith("SERVICE_MAX_ROWS: ")


def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "__package__.serve"],
            env=os.environ
            | {"SERVICE_MODEL_DIR": str(settings.model_dir), "SERVICE_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"cannot serve: 127.0.0.1:{port} cannot be listened on (")
    assert len(ended.stderr.splitlines()) == 1


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "__package__.serve"],
        env=os.environ | {"SERVICE_MODEL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("cannot serve: ")
    assert "Traceback" not in ended.stderr


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(
    start: Callable[..., Server], row: Row
) -> None:
    server = start()
    body = json.dumps(row).encode()
    idle, busy = server.connect(), server.connect()
    with idle, busy:
        busy.sendall(
            b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        busy.sendall(body[:10])
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        assert read_all(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        busy.sendall(body[10:])
        answer = read_all(busy)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert server.process.wait(10) == 0


def test_the_trace_of_the_caller_is_continued_and_logged(
    start: Callable[..., Server], row: Row
) -> None:
    server = start(log_requests=True)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = server.client.post("/predict", json=row, headers=headers)
    version, trace_id, parent, flags = answer.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "01")
    assert parent != "00f067aa0ba902b7"
    (entry,) = [entry for entry in stop(server) if entry["message"] == "request"]
    assert (entry["request_id"], entry["status"]) == (trace, 200)


def test_requests_and_their_content_are_not_logged_by_default(
    start: Callable[..., Server], row: Row
) -> None:
    server = start()
    server.client.post("/predict", json=row)
    server.client.post("/predict", json=row | {"surprise": 1})
    told = [entry for entry in stop(server) if str(entry["logger"]).startswith(SERVING)]
    assert [entry["message"] for entry in told] == ["draining", "stopped"]


@pytest.mark.usefixtures("root_logger")
def test_observers_finish_when_the_server_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing(Observers):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    def end(_application: object) -> None:
        raise KeyboardInterrupt

    observers = Closing([])
    monkeypatch.setattr(serve, "build_service", lambda _: replace(service, observers=observers))
    monkeypatch.setattr(serve, "serve", end)
    with pytest.raises(KeyboardInterrupt):
        serve.main([])
    assert observers.is_closed
