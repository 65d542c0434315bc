"""What a caller may not do to others: send too much, too slowly, or too often."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Row, Server, read_all

pytestmark = pytest.mark.slow

LIVE = b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n"
HEAD = b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"


def test_a_body_that_says_it_is_too_large_is_refused(server: Server) -> None:
    answer = server.client.post("/predict", content=b"x" * 600_000)
    assert answer.status_code == 413


def test_a_body_that_grows_too_large_is_refused(server: Server) -> None:
    answer = server.client.post("/predict", content=(b"x" * 1000 for _ in range(600)))
    assert answer.status_code == 413


def test_headers_too_large_are_refused_once_complete(server: Server) -> None:
    answer = server.exchange(HEAD + b"x: " + b"y" * 20_000 + b"\r\ncontent-length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_headers_without_an_end_are_refused(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(LIVE + b"GET /livez HTTP/1.1\r\nx: ")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"y" * (16_384 + 1))
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_is_refused(server: Server) -> None:
    assert server.exchange(b"\x16\x03\x01 this is no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_slow_callers_are_timed_out_and_others_are_served(
    start: Callable[..., Server], row: Row
) -> None:
    server = start(header_timeout_s=0.3, request_timeout_s=0.3, max_pending_requests=1)
    silent = [server.connect() for _ in range(20)]
    slow = [server.connect() for _ in range(20)]
    for position, connection in enumerate(slow):
        connection.sendall(
            b"GET /livez HT" if position % 2 else HEAD + b"content-length: 9\r\n\r\n{"
        )
    assert server.client.post("/predict", json=row).status_code == 200
    for connection in silent:
        with connection:
            assert read_all(connection) == b""
    for connection in slow:
        with connection:
            assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_full_queue_sheds_with_retry_after(start: Callable[..., Server], row: Row) -> None:
    server = start(max_pending_requests=1, inline_body_bytes=0)
    body = json.dumps([row] * 200)
    statuses: Counter[int] = Counter()

    def call(_: int) -> None:
        answer = server.client.post("/predict", content=body)
        statuses[answer.status_code] += 1
        assert answer.status_code == 200 or answer.headers["retry-after"] == "1"

    with ThreadPoolExecutor(16) as callers:
        list(callers.map(call, range(48)))
    assert set(statuses) == {200, 503}


def test_a_line_break_alone_does_not_keep_a_connection(start: Callable[..., Server]) -> None:
    server = start(header_timeout_s=0.3)
    with server.connect() as connection:
        assert is_alive(connection)
        connection.sendall(b"\r\n")
        assert read_all(connection) == b""


def test_beyond_the_limit_the_longest_idle_makes_room(start: Callable[..., Server]) -> None:
    server = start(max_connections=3)
    with server.connect() as first, server.connect() as second, server.connect() as third:
        for connection in (first, second, third, first):
            assert is_alive(connection)
            time.sleep(0.005)  # the server's clock counts milliseconds
        with server.connect() as probe:
            assert is_alive(probe)
            assert read_all(second) == b""
            assert all(is_alive(connection) for connection in (first, third, probe))


def test_beyond_the_limit_a_connection_is_refused_when_none_is_idle(
    start: Callable[..., Server],
) -> None:
    server = start(max_connections=2)
    with server.connect() as first, server.connect() as second:
        for connection in (first, second):
            connection.sendall(LIVE + HEAD)
            assert connection.recv(65536).endswith(b'{"live":true}')
        with server.connect() as third:
            assert read_all(third).startswith(b"HTTP/1.1 503 ")


def is_alive(connection: socket.socket) -> bool:
    connection.sendall(LIVE)
    return connection.recv(65536).endswith(b'{"live":true}')


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(3):
            assert is_alive(connection)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(
            b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n"
            b"GET /nothing HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        answers = read_all(connection)
    assert answers.index(b"HTTP/1.1 200 ") < answers.index(b"HTTP/1.1 404 ")


def test_an_unknown_path_is_not_found(server: Server) -> None:
    answer = server.client.get("/nothing")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Not Found.")
