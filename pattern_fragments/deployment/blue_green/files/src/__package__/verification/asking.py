"""Two versions of the service, asked about the same rows in turn."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..domain.features import OUTPUT

UNPROCESSABLE = 422
TIMEOUT_S = 10.0
READY_TIMEOUT_S = 60.0
WARM_UP = 20
"""Rows that are asked about first and not counted: the first calls of a process are slow."""


@dataclass
class Asked:
    """What one version answered to n rows; the lists have only the rows that were predicted."""

    url: str
    versions: set[str] = field(default_factory=set)
    predictions: dict[int, float] = field(default_factory=dict)
    """By row."""
    latencies_s: list[float] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    """Rows that it does not take."""
    problem: str = ""
    """What became of the last row that was not answered."""


class _Prediction(msgspec.Struct, rename={"value": OUTPUT.name}):
    value: float


class _Body(msgspec.Struct):
    model_version: str
    predictions: tuple[_Prediction]


def ask_in_turn(
    urls: Sequence[str], rows: Sequence[dict[str, Any]], headers: Mapping[str, str]
) -> list[Asked]:
    """Ask each service about each row; what disturbs one of them for a while disturbs all.

    `headers` go along with each question.
    """
    for url in urls:
        _wait_until_ready(url)
        for row in rows[:WARM_UP]:
            _ask(Asked(url), 0, row, headers)
    found = [Asked(url) for url in urls]
    for number, row in enumerate(rows):
        for asked in found:
            _ask(asked, number, row, headers)
    return found


def _ask(asked: Asked, number: int, row: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Over a connection of its own, so that all pods behind a name are asked."""
    started = time.perf_counter()
    try:
        status, content = _call(asked.url, "POST", "/predict", headers, msgspec.json.encode(row))
    except (OSError, HTTPException) as error:
        asked.problem = f"{type(error).__name__}: {error}"
        return
    latency_s = time.perf_counter() - started
    if status == UNPROCESSABLE:
        asked.refused.add(number)
        return
    if status != 200:
        asked.problem = f"status {status}"
        return
    body = msgspec.json.decode(content, type=_Body)
    asked.versions.add(body.model_version)
    asked.predictions[number] = body.predictions[0].value
    asked.latencies_s.append(latency_s)


def _call(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, bytes]:
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {**headers, "content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _wait_until_ready(url: str) -> None:
    """Names and routes of a new version take a moment to be known everywhere.

    Raises ValueError when the service does not become ready.
    """
    give_up_at = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            status, _ = _call(url, "GET", "/readyz", {})
            answer = f"status {status}"
        except (OSError, HTTPException) as error:
            status, answer = 0, str(error)
        if status == 200:
            return
        if time.monotonic() >= give_up_at:
            raise ValueError(f"{url} is not ready after {READY_TIMEOUT_S:.0f} s: {answer}")
        time.sleep(0.5)


def all_versions(found: Iterable[Asked]) -> list[str]:
    """The versions behind each name, as text."""
    return [" and ".join(sorted(asked.versions)) or "no version" for asked in found]
