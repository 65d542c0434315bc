"""How much work the process takes on before it says no."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .refusal import Headers, Refusal

_A_SECOND_LATER: Headers = {b"retry-after": b"1"}

Receive = Callable[[], Awaitable[Any]]


class DisconnectedError(Exception):
    """The caller has gone before the request was complete."""


class Aside:
    """Counts the tasks inside its `with` blocks."""

    def __init__(self) -> None:
        self.tasks = 0

    def __enter__(self) -> None:
        self.tasks += 1

    def __exit__(self, *_: object) -> None:
        self.tasks -= 1


class Admission:
    """Counts requests, and refuses those beyond the limits.

    Small requests are answered inside the event loop, one at a time, so the queue of this server
    is the set of tasks that the loop has not finished. Those that still wait for their bodies are
    no load and do not count: slow callers cannot crowd out others.
    """

    def __init__(self, *, max_pending_requests: int, max_body_bytes: int) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.aside = Aside()
        """For tasks that are no load: they wait for their callers, or tell of the service."""
        self._max_pending = max_pending_requests
        self._max_body = max_body_bytes

    def pending(self) -> int:
        """How many requests have arrived whole and are not answered yet."""
        return len(self.tasks) - self.aside.tasks

    def admit(self) -> None:
        """Raise Refusal (503) when too many requests are pending."""
        if self.pending() > self._max_pending:
            raise overloaded("Too many requests are waiting.")

    def finished(self) -> None:
        """The current task is answered. It leaves the queue now and not an iteration later."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks.discard(task)

    async def body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body of a request; raises Refusal (413) or DisconnectedError."""
        if int(headers.get(b"content-length", b"0")) > self._max_body:
            raise self._too_large()
        with self.aside:
            message = await receive()
            body: bytes = message.get("body", b"")
            while message.get("more_body", False):
                if len(body) > self._max_body:
                    raise self._too_large()
                message = await receive()
                body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        if len(body) > self._max_body:
            raise self._too_large()
        return body

    def _too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"The body is larger than {self._max_body} bytes.")


def overloaded(message: str) -> Refusal:
    """The refusal of a caller who is welcome a second later."""
    return Refusal(503, "overloaded", message, headers=_A_SECOND_LATER)


def too_many_connections() -> Refusal:
    """The refusal of a connection, before any request was heard: nothing of the service failed."""
    message = "Too many connections are open."
    return Refusal(503, "too_many_connections", message, headers=_A_SECOND_LATER)
