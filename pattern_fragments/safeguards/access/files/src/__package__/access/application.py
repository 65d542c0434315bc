"""The HTTP application for known callers only."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from ..callers import caller, name_the_caller
from ..logs import request_id
from ..observer import Refused
from ..service import Service
from ..serving.admission import Receive
from ..serving.application import Application
from ..serving.interfaces import Interfaces
from ..serving.openapi import Json
from ..serving.refusal import Refusal, as_json, as_protocol_json
from ..serving.scoring_endpoint import JSON, Scope, Send, respond
from ..serving.traces import continue_trace
from .description import with_keys
from .gate import Gate
from .key_file import DESCRIBE, PREDICT
from .keyring import Keyring, ends_of, unread_of

OPEN_PATHS = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
"""What probes ask, which have no keys, and what gives nothing away."""

logger = logging.getLogger(__name__)


class RestrictedApplication(Application):
    """Asks for a key before it reads a body, everywhere but on `open_paths`.

    Without a gate it asks nobody.
    """

    def __init__(
        self,
        service: Service,
        routes: Sequence[BaseRoute],
        answering: Callable[[Service], Interfaces],
        gate: Gate | None,
        open_paths: Sequence[str] = OPEN_PATHS,
    ) -> None:
        self._gate = gate
        self._open = frozenset(open_paths)
        super().__init__(service, routes, answering)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or turn it away."""
        try:
            name = self._admit(scope)
        except Refusal as refusal:
            caller.set("")
            await self._turn_away(refusal, scope, send)
        else:
            caller.set(name)
            await super().__call__(scope, receive, send)

    def describe(self, interfaces: Interfaces) -> Json:
        """The OpenAPI document, which says what needs a key."""
        return with_keys(super().describe(interfaces), self._open)

    def _admit(self, scope: Scope) -> str:
        """The name of the caller, if one is asked for; raises Refusal."""
        path = scope["path"]
        if self._gate is None or path in self._open:
            return ""
        client = scope.get("client")
        permission = PREDICT if path in self._scoring else DESCRIBE
        return self._gate.admit(scope["headers"], client[0] if client else "", permission)

    async def _turn_away(self, refusal: Refusal, scope: Scope, send: Send) -> None:
        started = time.perf_counter()
        trace_id, traceparent = continue_trace(dict(scope["headers"]).get(b"traceparent"))
        request_id.set(trace_id)
        is_protocol = scope["path"].startswith("/v2")
        body = as_protocol_json(refusal) if is_protocol else as_json(refusal)
        head = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % len(body)),
            (b"traceparent", traceparent),
            *refusal.headers.items(),
        ]
        await respond(send, refusal.status, head, body)
        duration_s = time.perf_counter() - started
        asyncio.get_running_loop().call_soon(
            self.observers.refused, Refused(reason=refusal.reason, duration_s=duration_s)
        )
        if self.settings.log_requests:
            duration_ms = round(duration_s * 1000, 3)
            logger.info("request", extra={"status": refusal.status, "duration_ms": duration_ms})
        self.admission.finished()


def restricted(
    service: Service,
    routes: Sequence[BaseRoute],
    answering: Callable[[Service], Interfaces],
    also_open: Sequence[str] = (),
) -> RestrictedApplication:
    """What serves the callers that the file of keys names, and `also_open` to everybody.

    Without such a file it serves this machine alone. Raises ValueError.
    """
    settings = service.settings
    gate = None
    if settings.keys_file is not None:
        keyring = _keyring(settings.keys_file)
        service.gauges.extend((ends_of(keyring), unread_of(keyring, time.monotonic)))
        gate = Gate(keyring)
    elif not _is_loopback(settings.host):
        raise ValueError(
            f"SERVICE_HOST={settings.host} lets other machines in, and no caller is known: name"
            " the file of keys in SERVICE_KEYS_FILE (`make key caller=NAME` writes one), or listen"
            " on 127.0.0.1"
        )
    for handler in logging.getLogger().handlers:
        handler.addFilter(name_the_caller)
    return RestrictedApplication(service, routes, answering, gate, (*OPEN_PATHS, *also_open))


def _keyring(path: Path) -> Keyring:
    try:
        return Keyring(path, time.monotonic())
    except OSError as error:
        raise ValueError(
            f"SERVICE_KEYS_FILE={path} cannot be read ({error.strerror}), so nobody may call:"
            " `make key caller=NAME` writes such a file"
        ) from None


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
