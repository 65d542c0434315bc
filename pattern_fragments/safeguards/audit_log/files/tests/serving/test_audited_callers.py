"""The audit log of a real server that asks for keys says who was answered."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from __package__.access.key_file import (
    PERMISSIONS,
    Caller,
    digest,
    write,
)

from .conftest import Row, Server

pytestmark = pytest.mark.slow


def test_an_entry_names_the_caller_and_no_key(
    start: Callable[..., Server], row: Row, tmp_path: Path
) -> None:
    names = ("shop", "app")
    write(tmp_path / "callers.json", [known(name) for name in names])
    server = start(keys_file=tmp_path / "callers.json", audit_dir=tmp_path / "log")
    for name in (*names, "stranger"):
        server.client.post("/predict", json=row, headers={"authorization": f"Bearer key of {name}"})
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate(timeout=10)
    [path] = (tmp_path / "log").glob("*.jsonl")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    answered = [entry for entry in entries if entry["kind"] == "answered"]
    assert [entry["caller"] for entry in answered] == ["shop", "app"]
    assert "key of" not in path.read_text()


def known(name: str) -> Caller:
    return Caller(
        name=name,
        sha256=digest(b"key of " + name.encode()),
        permissions=PERMISSIONS,
        requests_per_s=10,
        burst=10,
    )
