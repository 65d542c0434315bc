"""What a version is asked, and what goes along with it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from __package__.domain.features import OUTPUT
from __package__.verification.asking import WARM_UP, ask_in_turn

ANSWER = b'{"model_version": "v1", "predictions": [{"%b": 0.25}]}' % OUTPUT.name.encode()


class Version(HTTPServer):
    """Answers every row with the same number, and remembers who asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.askers: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        assert isinstance(self.server, Version)
        self.server.askers.append(self.headers["who-asks"])
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(ANSWER)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def version() -> Iterator[Version]:
    with Version() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_headers_go_along_with_every_row(version: Version) -> None:
    rows = [{"number": number} for number in range(WARM_UP + 5)]
    url = f"http://127.0.0.1:{version.server_port}"
    [asked] = ask_in_turn([url], rows, {"Who-Asks": "the job"})
    assert asked.predictions == dict.fromkeys(range(len(rows)), 0.25)
    assert version.askers == ["the job"] * (WARM_UP + len(rows))
