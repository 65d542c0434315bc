"""What the service tells of itself: health, metadata, and its documentation."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..signature import Signature
from .open_inference import model_metadata, server_metadata
from .openapi import Json

_JSON = "application/json"
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def information_routes(
    signature: Signature, description: Json, is_ready: Callable[[], bool]
) -> list[Route]:
    """The routes of everything but predictions; `description` is the OpenAPI document."""
    name = signature.name
    model = _constant(model_metadata(signature))
    live = _constant({"live": True})
    ready = _readiness({}, is_ready)
    model_ready = _readiness({"name": name}, is_ready)
    return [
        Route("/livez", live),
        Route("/readyz", ready),
        Route("/v2", _constant(server_metadata(signature))),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        Route(f"/v2/models/{name}", model),
        Route(f"/v2/models/{name}/ready", model_ready),
        Route(f"/v2/models/{name}/versions/{signature.version}", model),
        Route(f"/v2/models/{name}/versions/{signature.version}/ready", model_ready),
        Route("/openapi.json", _constant(description)),
        Route("/docs", _page("page.html", "text/html")),
        Route("/docs/page.css", _page("page.css", "text/css")),
        Route("/docs/page.js", _page("page.js", "text/javascript")),
    ]


def _constant(value: object) -> Endpoint:
    body = msgspec.json.encode(value)

    async def endpoint(_: Request) -> Response:
        return Response(body, media_type=_JSON)

    return endpoint


def _readiness(value: dict[str, object], is_ready: Callable[[], bool]) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        ready = is_ready()
        body = msgspec.json.encode({**value, "ready": ready})
        return Response(body, 200 if ready else 503, media_type=_JSON)

    return endpoint


def _page(name: str, media_type: str) -> Endpoint:
    body = (Path(__file__).parent / "docs" / name).read_bytes()

    async def endpoint(_: Request) -> Response:
        return Response(body, headers=_PAGE_HEADERS, media_type=media_type)

    return endpoint
