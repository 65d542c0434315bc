"""The server in this process, with slow work and an observer that remembers."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from __package__.observer import Observers, Scored
from __package__.scoring import Scorer
from __package__.service import Service
from __package__.serving.application import Application
from __package__.serving.server import server_of

from .conftest import Recorder, reasons

Caller = Callable[[int], Awaitable[bytes]]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def run(service: Service, recorder: Recorder) -> Callable[..., bytes]:
    """Lets a caller talk to the server, which has settings of its own; what the caller got."""

    async def listen(caller: Caller, settings: dict[str, object]) -> bytes:
        own = service.settings.model_copy(update={"port": 0, **settings})
        observed = replace(service, settings=own, observers=Observers([recorder]))
        server = server_of(Application(observed, routes=[]))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            return await caller(server.servers[0].sockets[0].getsockname()[1])
        finally:
            server.should_exit = True
            await serving

    return lambda caller, **settings: asyncio.run(listen(caller, settings))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each prediction take 0.4 s."""
    score = Scorer.score

    def slowly(*arguments: Any) -> Scored:
        time.sleep(0.4)
        return score(*arguments)

    monkeypatch.setattr(Scorer, "score", slowly)


@pytest.fixture
def request_bytes(service: Service) -> bytes:
    """A whole request for a prediction."""
    body = json.dumps(service.signature.example).encode()
    return b"POST /predict HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def sending(*parts: bytes) -> Caller:
    """A caller who sends and then reads until the server closes."""

    async def caller(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(parts))
        try:
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()

    return caller


@pytest.mark.usefixtures("slow")
def test_a_request_that_stalls_does_not_harm_the_answer_before_it(
    run: Callable[..., bytes], request_bytes: bytes, recorder: Recorder
) -> None:
    bounds = {"inline_body_bytes": 0, "header_timeout_s": 0.1, "request_timeout_s": 1.0}
    for begun in (b"GET /livez HT", b"POST /predict HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"):
        answers = run(sending(request_bytes, begun), **bounds)
        assert answers.startswith(b"HTTP/1.1 200 ")
        assert answers.count(b"HTTP/1.1 408 ") == 1
    assert reasons(recorder) == ["timeout", "timeout"]


@pytest.mark.usefixtures("slow")
def test_the_time_of_a_request_does_not_run_while_the_one_before_is_answered(
    run: Callable[..., bytes], request_bytes: bytes
) -> None:
    async def caller(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request_bytes + b"GET /livez HT")
            await reader.readuntil(b"]}")
            await asyncio.sleep(0.15)
            writer.write(b"TP/1.1\r\nconnection: close\r\n\r\n")
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()

    answer = run(caller, inline_body_bytes=0, header_timeout_s=0.38)
    assert answer.endswith(b'{"live":true}')


@pytest.mark.usefixtures("slow")
def test_garbage_does_not_harm_the_answer_before_it(
    run: Callable[..., bytes], request_bytes: bytes, recorder: Recorder
) -> None:
    answers = run(sending(request_bytes, b"\x16\x03\x01"), inline_body_bytes=0)
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert reasons(recorder) == ["malformed"]


@pytest.mark.usefixtures("slow")
def test_a_duration_counts_the_wait_for_earlier_requests(
    run: Callable[..., bytes], request_bytes: bytes, recorder: Recorder
) -> None:
    last = request_bytes.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    run(sending(request_bytes, last))
    first, second = (event.duration_s for event in recorder.heard if isinstance(event, Scored))
    assert 0.4 <= first < 0.8 <= second


def test_a_refused_connection_is_no_failure_of_the_service(
    run: Callable[..., bytes], recorder: Recorder
) -> None:
    async def second_caller(port: int) -> bytes:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /livez HT")
        await asyncio.sleep(0.1)
        try:
            return await sending(b"")(port)
        finally:
            writer.close()

    assert run(second_caller, max_connections=1).startswith(b"HTTP/1.1 503 ")
    assert reasons(recorder) == ["too_many_connections"]
