"""Callers, their keys, and files of them."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from __package__.access.gate import Gate
from __package__.access.key_file import Caller, digest, write
from __package__.access.keyring import Keyring

KEY = "the-key-of-the-shop"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def a_caller(name: str = "shop", key: str = KEY, **fields: object) -> Caller:
    row = {
        "name": name,
        "sha256": digest(key.encode()),
        "permissions": ["describe", "predict"],
        "requests_per_s": 10,
        "burst": 5,
    }
    return msgspec.convert(row | fields, Caller)


def bearing(key: str) -> list[tuple[bytes, bytes]]:
    """The headers of a request with a key."""
    return [(b"host", b"test"), (b"authorization", f"Bearer {key}".encode())]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one caller."""
    write(tmp_path / "callers.json", [a_caller()])
    return tmp_path / "callers.json"


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def today() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def gate(path: Path, clock: Clock, today: Clock) -> Callable[..., Gate]:
    """Makes a gate for the callers given, else for the shop."""

    def make(*callers: Caller) -> Gate:
        if callers:
            write(path, callers)
        return Gate(Keyring(path, clock()), clock, today)

    return make
