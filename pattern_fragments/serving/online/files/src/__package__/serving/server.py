"""uvicorn, with bounds on what a connection may do, and a stop that finishes what has begun."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ..observer import Refused
from .admission import Receive, too_many_connections
from .application import Application
from .refusal import Refusal, as_json
from .scoring_endpoint import ARRIVED, JSON, Scope, Send, respond

_NEVER = float("inf")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

logger = logging.getLogger(__name__)


class ListenError(OSError):
    """The port is taken, or the address is not one of this machine."""


def serve(application: Application) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are answered before this returns.

    Raises ListenError.
    """
    server = server_of(application)
    with _listen(server.config) as listener:
        server.run(sockets=[listener])


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family)
    except OSError as error:
        raise ListenError(
            f"{config.host}:{config.port} cannot be listened on ({error.strerror}):"
            " free the port, or choose another by SERVICE_HOST and SERVICE_PORT"
        ) from error


def server_of(application: Application) -> "DrainingServer":
    """The server of an application, which `run` or `serve` starts."""
    settings = application.settings
    config = Config(
        application,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_timeout_s,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
    )
    return DrainingServer(config, application)


class DrainingServer(Server):
    """Stops in order, with exit code 0: not ready, no new connections, answers, end."""

    def __init__(self, config: Config, application: Application) -> None:
        super().__init__(config)
        self._application = application
        application.admission.tasks = self.server_state.tasks

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Begin to drain at a signal. uvicorn would raise the signal again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._drain)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell where."""
        await super().startup(sockets)
        host, port, *_ = self.servers[0].sockets[0].getsockname()
        logger.info("serving", extra={"host": host, "port": port})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in flight, and refuse what is new."""
        logger.info("draining", extra={"pending": self._application.admission.pending()})
        await super().shutdown(sockets)
        logger.info("stopped")

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: end connections whose time is over, look whether to stop."""
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.expire(now)
        return await super().on_tick(counter)

    def _drain(self) -> None:
        self._application.draining = True
        self.should_exit = True


class BoundedProtocol(HttpToolsProtocol):
    """One connection, with bounds on header bytes and on the time that headers and bodies take.

    A look at the clock per request and a sweep per tick replace a timer per request.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(config.app, Application)  # noqa: S101 - see serve()
        self._application = config.app
        self._settings = config.app.settings
        self._begun = 0.0
        self._deadline = _NEVER
        self._in_headers = False
        self._began_in_this_chunk = False
        self._chunk_bytes = 0
        self._header_bytes = 0

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Give the caller time to send headers. Beyond the limit, somebody idle makes room."""
        idle = self._longest_idle() if self._is_full() else None
        super().connection_made(transport)
        self.transport = self._responses = WholeResponses(transport)
        self._begun = self.loop.time()
        self._deadline = self._begun + self._settings.header_timeout_s
        if idle is not None:
            idle.make_room()
        elif len(self.connections) > self._settings.max_connections:
            self._end_with(too_many_connections())

    def data_received(self, data: bytes) -> None:
        """Parse; refuse headers that are too large before they are complete."""
        self._began_in_this_chunk = False
        self._chunk_bytes = len(data)
        super().data_received(data)
        if self._deadline == _NEVER and self.is_idle():
            # No request has begun, a lone line break perhaps: uvicorn's timer is off, ours runs.
            self._deadline = self.loop.time() + self._settings.header_timeout_s
        if self._in_headers and not self._began_in_this_chunk:
            self._header_bytes += len(data)
            if self._header_bytes > self._settings.max_header_bytes:
                self._end_with(self._headers_too_large())

    def on_message_begin(self) -> None:
        """A request begins: its time runs."""
        super().on_message_begin()
        self._in_headers = self._began_in_this_chunk = True
        self._header_bytes = 0
        self._begun = self.loop.time()
        self._deadline = self._begun + self._settings.header_timeout_s

    def on_headers_complete(self) -> None:
        """Hand the request over, unless its headers are too large."""
        self._in_headers = False
        self._deadline = self._begun + self._settings.request_timeout_s
        limit = self._settings.max_header_bytes
        if self._header_bytes + self._chunk_bytes > limit:
            exactly = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if exactly > limit:
                refusal = self._headers_too_large()
                self.app = _refusing(refusal)
                self._observe(refusal)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here: what follows is our time, not the caller's."""
        self._deadline = _NEVER
        self.scope["state"][ARRIVED] = time.perf_counter()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The response is written: send it, then turn to the next request."""
        self._responses.flush()
        if self._deadline != _NEVER:
            # The next request had begun, and was not read meanwhile: no fault of its caller.
            soonest = self.loop.time() + self._settings.header_timeout_s
            self._deadline = max(self._deadline, soonest)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in JSON, as everything else is."""
        self._end_with(Refusal(400, "malformed", msg))

    def expire(self, now: float) -> None:
        """End the connection if the caller has taken too long to send a request."""
        if now < self._deadline or self._owes_an_answer():
            return
        self._deadline = _NEVER
        if self._in_headers or not (self.cycle is None or self.cycle.response_started):
            self._end_with(Refusal(408, "timeout", "The request did not arrive in time."))
        else:
            self.transport.close()

    def is_idle(self) -> bool:
        """Whether no request has begun that is not answered."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._in_headers

    def make_room(self) -> None:
        """End an idle connection at once: another caller needs it."""
        self.connections.discard(self)
        self._responses.abort()

    def _longest_idle(self) -> "BoundedProtocol | None":
        """The idle connection whose last request, or whose opening, is the longest ago."""
        idle = [
            connection
            for connection in self.connections
            if isinstance(connection, BoundedProtocol) and connection.is_idle()
        ]
        return min(idle, key=lambda connection: connection._begun, default=None)

    def _is_full(self) -> bool:
        return len(self.connections) >= self._settings.max_connections

    def _owes_an_answer(self) -> bool:
        """Whether a request is here as a whole and is not answered."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        return bool(self.pipeline) or not self.cycle.more_body

    def _headers_too_large(self) -> Refusal:
        limit = self._settings.max_header_bytes
        return Refusal(431, "headers_too_large", f"The headers are larger than {limit} bytes.")

    def _end_with(self, refusal: Refusal) -> None:
        """Answer outside the application, and close. What earlier requests are owed goes first."""
        if self.transport.is_closing():
            return
        self._observe(refusal)
        if self._owes_an_answer():
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        body = as_json(refusal)
        phrase = HTTPStatus(refusal.status).phrase.encode()
        lines = [b"%b: %b\r\n" % header for header in _head(refusal, body)]
        self.transport.write(
            b"".join([b"HTTP/1.1 %d %b\r\n" % (refusal.status, phrase), *lines, b"\r\n", body])
        )
        self.transport.close()

    def _observe(self, refusal: Refusal) -> None:
        self._application.observers.refused(Refused(reason=refusal.reason, duration_s=0.0))


class WholeResponses(asyncio.Transport):
    """Sends the head of a response together with the first part of its body.

    uvicorn writes them one after the other, and uvloop makes a system call of each write: the
    second call would cost more than parsing the request.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""

    def write(self, data: Any) -> None:
        """Write, unless this is the head of a response: that waits for what follows."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data[-4:] == b"\r\n\r\n" and data != _CONTINUE:
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close when all is sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return self._transport.is_closing()


def _refusing(refusal: Refusal) -> ASGIApp:
    """An application that answers with the refusal, and closes."""

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = as_json(refusal)
        await respond(send, refusal.status, _head(refusal, body), body)

    return application


def _head(refusal: Refusal, body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", JSON),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *refusal.headers.items(),
    ]
