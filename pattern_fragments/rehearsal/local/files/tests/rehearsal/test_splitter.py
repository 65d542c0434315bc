"""The splitter shares exactly, follows new weights at once, and loses nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import httpx
import pytest

from __package__.rehearsal.background import Background
from __package__.rehearsal.exchange import Message, read_message
from __package__.rehearsal.splitter import SmoothShares, Splitter

pytestmark = pytest.mark.slow


class Backend:
    """Answers with its name after a while; may also close the connection instead."""

    def __init__(self, name: str, delay_s: float = 0.0, *, breaks: bool = False) -> None:
        self.asked = 0
        self._name, self._delay_s, self._breaks = name, delay_s, breaks

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        self.asked += 1
        await asyncio.sleep(self._delay_s)
        body = self._name.encode()
        headers = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        if not self._breaks:
            writer.write(Message(b"HTTP/1.1 200 OK", headers, body).encode())
            await writer.drain()
        writer.close()

    @contextmanager
    def running(self) -> Iterator[str]:
        background = Background(self._name)
        server = background.call(asyncio.start_server(self.serve, "127.0.0.1", 0))
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        background.call(_closed(server))
        background.end()


async def _closed(server: asyncio.Server) -> None:
    server.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def splitter_of(stack: ExitStack, **backends: Backend) -> tuple[Splitter, httpx.Client]:
    urls = {name: stack.enter_context(each.running()) for name, each in backends.items()}
    splitter = stack.enter_context(Splitter(urls))
    client = httpx.Client(base_url=splitter.url, trust_env=False)
    return splitter, stack.enter_context(client)


def test_shares_are_exact_and_evenly_spread() -> None:
    shares = SmoothShares({"stable": 90, "canary": 10})
    order = [shares.next()[0] for _ in range(300)]
    assert Counter(order) == {"stable": 270, "canary": 30}
    places = [place for place, name in enumerate(order) if name == "canary"]
    assert {after - before for before, after in pairwise(places)} == {10}


def test_the_first_backend_gets_everything_until_weights_are_set(stack: ExitStack) -> None:
    splitter, client = splitter_of(stack, blue=Backend("blue"), green=Backend("green"))
    assert [client.post("/predict").text for _ in range(3)] == ["blue"] * 3
    splitter.set({"green": 1})
    assert client.post("/predict").text == "green"
    assert splitter.counts() == {"blue": 3, "green": 1}


def test_what_is_in_flight_ends_where_it_began(stack: ExitStack) -> None:
    slow = Backend("slow", delay_s=0.3)
    splitter, client = splitter_of(stack, slow=slow, fast=Backend("fast"))
    work = Background("caller")
    stack.callback(work.end)
    in_flight = work.start(_asked(splitter.url))
    while not slow.asked:
        time.sleep(0.01)
    splitter.set({"fast": 1})
    assert client.post("/predict").text == "fast"
    assert in_flight.result() == "slow"


async def _asked(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(url)).text


def test_a_request_that_a_backend_has_seen_is_not_sent_again(stack: ExitStack) -> None:
    breaking, other = Backend("breaking", breaks=True), Backend("other")
    splitter, client = splitter_of(stack, breaking=breaking, other=other)
    splitter.set({"breaking": 99, "other": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/predict")
    assert (breaking.asked, other.asked) == (1, 0)


def test_where_nobody_listens_another_backend_with_a_share_answers(stack: ExitStack) -> None:
    gone = Backend("gone")
    with gone.running() as place:
        pass
    splitter, client = splitter_of(stack, stable=Backend("stable"))
    splitter.replace("canary", place)
    splitter.set({"canary": 99, "stable": 1})
    assert client.post("/predict").text == "stable"
    splitter.set({"canary": 1})
    assert client.post("/predict").status_code == 503


def test_a_backend_can_be_replaced(stack: ExitStack) -> None:
    splitter, client = splitter_of(stack, stable=Backend("old"))
    splitter.replace("stable", stack.enter_context(Backend("new").running()))
    assert client.post("/predict").text == "new"


@pytest.mark.parametrize("weights", [{"nobody": 1}, {}, {"stable": 0}, {"stable": -1}])
def test_weights_that_mean_nothing_are_refused(weights: dict[str, int]) -> None:
    splitter = Splitter({"stable": "http://127.0.0.1:1"})
    with pytest.raises(ValueError, match=r"no backend|weights must"):
        splitter.set(weights)
