"""Probes and what other patterns show, over HTTP, in a thread beside the consumer."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..gauges import Gauge, is_hindered
from ..settings import Settings
from .figures import Figures

STUCK_AFTER_S = 60.0
"""A loop that has not gone round for so long will not by itself."""

logger = logging.getLogger(__name__)


def listen(settings: Settings) -> socket.socket:
    """Take the port; raises OSError when another process has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise OSError(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}):"
            " free the port, or choose another by SERVICE_HOST and SERVICE_PORT"
        ) from error


@contextmanager
def endpoints(
    listener: socket.socket,
    figures: Figures,
    stop: asyncio.Event,
    routes: Sequence[BaseRoute],
    gauges: Sequence[Gauge] = (),
) -> Iterator[None]:
    """Serve while the block runs, and close the socket; `gauges` may hinder readiness."""
    application = Starlette(routes=[*_probes(figures, stop, gauges), *routes])
    config = uvicorn.Config(
        application,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=100,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="endpoints")
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()


def _probes(figures: Figures, stop: asyncio.Event, gauges: Sequence[Gauge]) -> list[Route]:
    def livez(_: Request) -> Response:
        silent_s = figures.silent_s()
        if silent_s > STUCK_AFTER_S:
            text = f"the consumer has not moved for {silent_s:.0f} s"
            return JSONResponse({"status": text}, 503)
        return JSONResponse({"status": "alive"})

    def readyz(_: Request) -> Response:
        if stop.is_set():
            return JSONResponse({"status": "draining"}, 503)
        if not figures.is_connected:
            return JSONResponse({"status": "the broker does not do all that it is asked"}, 503)
        if is_hindered(gauges):
            return JSONResponse({"status": "a part of the service cannot do its work"}, 503)
        return JSONResponse({"status": "ready"})

    return [Route("/livez", livez), Route("/readyz", readyz)]
