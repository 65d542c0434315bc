"""Callers who mean harm, each for some seconds; what the service did about each attempt is counted."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass

TIMEOUT_S = 10.0
CLOSED = "closed without an answer"
LEFT_OPEN = "left open"


@dataclass(frozen=True)
class Target:
    """What is attacked."""

    host: str
    port: int
    headers: Mapping[str, str]
    """Of a caller who is let in; empty where everybody is."""
    row: dict[str, object]
    """That gets a prediction."""

    def connect(self) -> socket.socket:
        """A connection; raises OSError."""
        return socket.create_connection((self.host, self.port), timeout=TIMEOUT_S)

    def head(self, *lines: str, path: str = "/predict") -> bytes:
        """The beginning of a request, without its end."""
        given = [f"{name}: {value}" for name, value in self.headers.items()]
        every = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *given, *lines]
        return "\r\n".join(every).encode() + b"\r\n"


Attack = Callable[[Target, float], Counter[str]]


def dribbled_headers(target: Target, seconds: float) -> Counter[str]:
    """300 callers whose headers take for ever: a byte, five times a second."""
    return _dribble(target, seconds, 300, target.head(), b"x")


def dribbled_bodies(target: Target, seconds: float) -> Counter[str]:
    """100 callers whose bodies take for ever."""
    return _dribble(target, seconds, 100, target.head("content-length: 1000") + b"\r\n", b" ")


def _dribble(target: Target, seconds: float, callers: int, begins: bytes, goes_on: bytes) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + seconds
    held: list[socket.socket] = []
    try:
        while time.monotonic() < until:
            while len(held) < callers:
                one = target.connect()
                one.sendall(begins)
                one.setblocking(False)
                held.append(one)
            for one in list(held):
                try:
                    one.send(goes_on)
                    answer = one.recv(4096)
                except BlockingIOError:
                    continue
                except OSError:
                    answer = b""
                outcomes[_status(answer)] += 1
                held.remove(one)
                one.close()
            time.sleep(0.2)
    finally:
        outcomes[LEFT_OPEN] = len(held)
        for one in held:
            one.close()
    return outcomes


def oversized(target: Target, seconds: float) -> Counter[str]:
    """Bodies that say they are huge, and bodies in chunks that never end."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"

    def endless() -> Iterator[bytes]:
        yield target.head("transfer-encoding: chunked") + b"\r\n"
        # Far more than any limit: who takes all of it has none.
        for _ in range(1024):
            yield chunk

    said = [target.head("content-length: 10000000000") + b"\r\n" + b"{" * 1000]
    return _each(target, seconds, lambda: said, endless)


def nested(target: Target, seconds: float) -> Counter[str]:
    """JSON as deep as a body can hold, whole and cut off, and numbers as long."""
    deep = 200_000

    def whole(body: bytes) -> Callable[[], list[bytes]]:
        return lambda: [target.head(f"content-length: {len(body)}", "connection: close") + b"\r\n" + body]

    return _each(
        target,
        seconds,
        whole(b"[" * deep),
        whole(b"[" * deep + b"]" * deep),
        whole(b'{"a":' * 60_000 + b"1" + b"}" * 60_000),
        whole(b"[" + b"9" * 400_000 + b"]"),
        whole(b'{"' + b"\\u0061" * 60_000 + b'": 1}'),
        whole(b"1e" + b"9" * 5000),
    )


def malformed(target: Target, seconds: float) -> Counter[str]:
    """What is no HTTP, or may be read in two ways."""
    body = json.dumps(target.row).encode()
    length = f"content-length: {len(body)}"
    last = b"0\r\n\r\n"
    attempts = [
        target.head(length, "transfer-encoding: chunked") + b"\r\n" + last + b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n",
        target.head(length, f"content-length: {len(body) + 1}") + b"\r\n" + body,
        target.head("transfer-encoding: chunked, identity") + b"\r\n" + last,
        target.head("transfer-encoding: chunked") + b"\r\nzz\r\n" + body,
        target.head("transfer-encoding: chunked") + b"\r\n" + b"f" * 40 + b"\r\n" + body,
        target.head("content-length: -1") + b"\r\n" + body,
        target.head("content-length: 99999999999999999999999999") + b"\r\n" + body,
        target.head("x: a\x00b") + b"\r\n",
        target.head("bad header: 1") + b"\r\n",
        target.head("no colon at all") + b"\r\n",
        target.head(*(f"x-{number}: 1" for number in range(5000))) + b"\r\n",
        target.head(f"x: {'y' * 100_000}") + b"\r\n",
        b"GET /readyz HTTP/9.9\r\nhost: x\r\n\r\n",
        b"BREW /predict HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        bytes(range(256)) * 8,
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" + b"\xff" * 100,
    ]
    return _each(target, seconds, *(lambda one=one: [one] for one in attempts))


def strangers(target: Target, seconds: float) -> Counter[str]:
    """Callers with keys that nobody gave out, as fast as one of them can ask."""
    unknown = Target(target.host, target.port, {"authorization": "Bearer " + "x" * 43}, target.row)
    body = json.dumps(target.row).encode()
    request = unknown.head(f"content-length: {len(body)}") + b"\r\n" + body
    return _each(unknown, seconds, lambda: [request])


def _each(target: Target, seconds: float, *attempts: Callable[[], list[bytes] | Iterator[bytes]]) -> Counter[str]:
    """Make each attempt again and again, each on a connection of its own."""
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for attempt in attempts:
            with closing(target.connect()) as one:
                # An answer can be here before all is sent.
                with suppress(OSError):
                    for part in attempt():
                        one.sendall(part)
                try:
                    answer = one.recv(4096)
                except TimeoutError:
                    outcomes[LEFT_OPEN] += 1
                    continue
                except OSError:
                    answer = b""
            outcomes[_status(answer)] += 1
    return outcomes


def _status(answer: bytes) -> str:
    return answer[9:12].decode() if answer.startswith(b"HTTP/1.1 ") else CLOSED


ATTACKS: Mapping[str, tuple[Attack, frozenset[str]]] = {
    "headers that dribble": (dribbled_headers, frozenset({"408"})),
    "bodies that dribble": (dribbled_bodies, frozenset({"408"})),
    "oversized bodies": (oversized, frozenset({"413", CLOSED})),
    "nested JSON": (nested, frozenset({"400", "413", "422"})),
    "malformed HTTP": (malformed, frozenset({"400", "401", "404", "405", "408", "413", "429", "431", CLOSED})),
    "keys that nobody gave out": (strangers, frozenset({"401", "429"})),
}
"""By their names, with what may become of an attempt."""
