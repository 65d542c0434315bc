"""The way of a request through the process: admitted, read, answered, observed.

This is the hot path, so it is a plain ASGI callable: routing and request objects would cost as
much as the prediction itself.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec

from ..logs import request_id
from ..observer import Observers, Refused, Scored
from .admission import Admission, DisconnectedError, Receive, overloaded
from .refusal import Headers, Refusal
from .traces import continue_trace

Scope = Any
Send = Callable[[Any], Awaitable[None]]

JSON = b"application/json"
OCTETS = b"application/octet-stream"
ARRIVED = "arrived"
"""Where the state of a request holds when it was here as a whole, by `time.perf_counter()`."""

logger = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """The body for the caller, and what the observers hear of it."""

    scored: Scored
    body: bytes
    json_bytes: int | None = None
    """Bytes of JSON before binary data begins; None when the body is JSON alone."""


class Interface(Protocol):
    """What callers and this service say to each other: bytes in, bytes out."""

    @property
    def content_types(self) -> frozenset[bytes]:
        """What a request may be."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of its own that a caller may send, and what each says."""

    def answer(self, body: bytes, headers: Headers) -> Answer:
        """Answer a request; raises Refusal."""

    def refusal(self, refusal: Refusal) -> bytes:
        """The body that tells a caller, in JSON, why there is no answer."""


class ScoringEndpoint:
    """Serves one interface as an ASGI application."""

    def __init__(
        self,
        interface: Interface,
        observers: Observers,
        admission: Admission,
        executor: ThreadPoolExecutor,
        *,
        inline_body_bytes: int,
        request_timeout_s: float,
        log_requests: bool,
    ) -> None:
        self._interface = interface
        self._observers = observers
        self._admission = admission
        self._executor = executor
        self._content_types = interface.content_types
        self._inline_body_bytes = inline_body_bytes
        self._request_timeout_s = request_timeout_s
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = time.perf_counter()
        headers: Headers = dict(scope["headers"])
        trace_id, traceparent = continue_trace(headers.get(b"traceparent"))
        request_id.set(trace_id)
        try:
            answer = await self._answer(scope["method"], headers, receive)
        except Refusal as refusal:
            await self._refuse(refusal, started, traceparent, send)
        except DisconnectedError:
            pass
        except Exception:
            logger.exception("the request failed")
            failure = Refusal(
                500, "internal_error", f"The service failed. Tell its owners: request {trace_id}."
            )
            await self._refuse(failure, started, traceparent, send)
        else:
            head = [
                (b"content-type", JSON),
                (b"content-length", b"%d" % len(answer.body)),
                (b"traceparent", traceparent),
            ]
            if answer.json_bytes is not None:
                head[0] = (b"content-type", OCTETS)
                head.append((b"inference-header-content-length", b"%d" % answer.json_bytes))
            await respond(send, 200, head, answer.body)
            # What the caller waited: the time in the queue of the event loop counts.
            arrived = scope.get("state", {}).get(ARRIVED, started)
            scored = msgspec.structs.replace(
                answer.scored, duration_s=time.perf_counter() - arrived
            )
            # In the next turn of the loop, when the answer has been written.
            asyncio.get_running_loop().call_soon(self._observers.scored, scored)
            self._log(200, started)
        finally:
            self._admission.finished()

    async def _answer(self, method: str, headers: Headers, receive: Receive) -> Answer:
        if method != "POST":
            raise Refusal(405, "method_not_allowed", "Use POST.", headers={b"allow": b"POST"})
        content_type = headers.get(b"content-type", JSON)
        if content_type != JSON:
            self._check_content_type(content_type)
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(
                415,
                "unsupported_encoding",
                "Send the body without compression.",
                headers={b"accept-encoding": b"identity"},
            )
        body = await self._admission.body(headers, receive)
        self._admission.admit()
        if len(body) <= self._inline_body_bytes:
            return self._interface.answer(body, headers)
        return await self._answer_in_thread(body, headers)

    async def _answer_in_thread(self, body: bytes, headers: Headers) -> Answer:
        """Answer a large request beside the event loop, so that small ones need not wait for it."""
        context = contextvars.copy_context()
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(
                    self._executor, context.run, self._interface.answer, body, headers
                ),
                self._request_timeout_s,
            )
        except TimeoutError:
            raise overloaded("Too many large requests are waiting.") from None

    def _check_content_type(self, content_type: bytes) -> None:
        media_type, _, parameters = content_type.lower().partition(b";")
        charset = parameters.strip()
        if media_type.strip() not in self._content_types or (
            charset.startswith(b"charset=") and charset.strip() not in _UTF_8
        ):
            allowed = b" or ".join(sorted(self._content_types)).decode()
            raise Refusal(
                415,
                "unsupported_media_type",
                f"The content type must be {allowed}, in UTF-8.",
                headers={b"accept": b", ".join(sorted(self._content_types))},
            )

    async def _refuse(
        self, refusal: Refusal, started: float, traceparent: bytes, send: Send
    ) -> None:
        body = self._interface.refusal(refusal)
        head = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % len(body)),
            (b"traceparent", traceparent),
            *refusal.headers.items(),
        ]
        await respond(send, refusal.status, head, body)
        refused = Refused(reason=refusal.reason, duration_s=time.perf_counter() - started)
        asyncio.get_running_loop().call_soon(self._observers.refused, refused)
        self._log(refusal.status, started)

    def _log(self, status: int, started: float) -> None:
        if self._log_requests:
            duration_ms = round((time.perf_counter() - started) * 1000, 3)
            logger.info("request", extra={"status": status, "duration_ms": duration_ms})


_UTF_8 = frozenset({b"charset=utf-8", b'charset="utf-8"', b"charset=utf8"})


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
