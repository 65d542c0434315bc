"""The traffic splitter of a rehearsal: an HTTP/1.1 reverse proxy on loopback, with weights."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from urllib.parse import urlsplit

from .background import Background
from .exchange import Message, NoAnswer, ask, read_message

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

UNAVAILABLE = Message(b"HTTP/1.1 503 Service Unavailable", [(b"content-length", b"0")], b"")


class SmoothShares:
    """Who is next: of each round, everybody gets exactly the weight, evenly spread.

    This is nginx's smooth weighted round robin: everybody gains the weight, and who has most is
    next and pays for the whole round.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = {name: weight for name, weight in weights.items() if weight > 0}
        self._gained = dict.fromkeys(self._weights, 0)

    def next(self) -> list[str]:
        """Who is next, and behind it the others that have a share."""
        for name, weight in self._weights.items():
            self._gained[name] += weight
        ranked = sorted(self._gained, key=lambda name: -self._gained[name])
        self._gained[ranked[0]] -= sum(self._weights.values())
        return ranked


class Splitter:
    """Shares requests between named backends, from when the block begins until it ends.

    Each request follows the weights of the moment at which it is here as a whole, and ends where it
    began. Until `set` is called the first backend gets all. A request that a backend may have seen
    is never sent again: when its answer does not come, the caller's connection is closed. Where
    nobody listens nobody has seen it: then another backend that has a share gets it.
    """

    def __init__(self, backends: Mapping[str, str]) -> None:
        self.url = ""
        """Known when it listens: http://127.0.0.1:PORT."""
        self._lock = threading.Lock()
        self._backends = dict(backends)
        self._shares = SmoothShares({next(iter(backends)): 1})
        self._counts = dict.fromkeys(backends, 0)

    def __enter__(self) -> "Splitter":
        self._background = Background("splitter")
        self._server = self._background.call(_listen(self._serve))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.call(_close(self._server))
        self._background.end()

    def set(self, weights: Mapping[str, int]) -> None:
        """New requests follow these weights from now on; a backend without one gets none.

        Raises ValueError for a name that is no backend, and when nobody would get any.
        """
        strangers = weights.keys() - self._backends.keys()
        if strangers:
            raise ValueError(f"no backend is called {', '.join(sorted(strangers))}")
        if min(weights.values(), default=0) < 0 or sum(weights.values()) == 0:
            raise ValueError(f"weights must be at least 0, and one of them more: {dict(weights)}")
        with self._lock:
            self._shares = SmoothShares(weights)

    def replace(self, name: str, url: str) -> None:
        """New requests for this backend, or for a new one, go to this place from now on."""
        with self._lock:
            self._backends[name] = url
            self._counts.setdefault(name, 0)

    def counts(self) -> dict[str, int]:
        """How many requests each backend was sent since the start."""
        with self._lock:
            return dict(self._counts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a caller."""
        with contextlib.suppress(NoAnswer, OSError, ValueError):
            while request := await read_message(reader):
                answer = await self._answer(request)
                option = b"close" if request.is_last else b"keep-alive"
                writer.write(answer.with_connection(option).encode())
                await writer.drain()
                if request.is_last:
                    break
        writer.close()

    async def _answer(self, request: Message) -> Message:
        with self._lock:
            ranked = [(name, self._backends[name]) for name in self._shares.next()]
        for name, url in ranked:
            # A connection for each request: a kept one may end just as a request goes out, and
            # nobody could tell whether it was seen.
            place = urlsplit(url)
            try:
                reader, writer = await asyncio.open_connection(place.hostname, place.port)
            except ConnectionRefusedError:
                continue
            with self._lock:
                self._counts[name] += 1
            try:
                return await ask(reader, writer, request.with_connection(b"close"))
            finally:
                writer.close()
        return UNAVAILABLE


async def _listen(serve: Connected) -> asyncio.Server:
    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _close(server: asyncio.Server) -> None:
    server.close()
