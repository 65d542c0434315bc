"""The ASGI application: which path leads where.

The scoring endpoints are found by one look into a dictionary; all other paths go through Starlette.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..gauges import Gauge, is_hindered
from ..observer import Refused
from ..service import Service
from .admission import Admission, Receive
from .information import information_routes
from .interfaces import Interfaces, interfaces_of
from .openapi import Json, describe
from .refusal import Refusal, as_json, as_protocol_json
from .scoring_endpoint import Scope, ScoringEndpoint, Send


class Application:
    """Serves a service over HTTP. `draining` is set when the process has been told to stop.

    `answering` gives what answers callers, by path.
    """

    def __init__(
        self,
        service: Service,
        routes: Sequence[BaseRoute],
        answering: Callable[[Service], Interfaces] = interfaces_of,
    ) -> None:
        self.settings = service.settings
        self.signature = service.signature
        self.observers = service.observers
        self.draining = False
        self.admission = Admission(
            max_pending_requests=service.settings.max_pending_requests,
            max_body_bytes=service.settings.max_body_bytes,
        )
        service.gauges.append(
            Gauge(
                "pending_requests",
                "Requests that have arrived and are not answered yet",
                lambda: float(self.admission.pending()),
            )
        )
        interfaces = answering(service)
        information = information_routes(
            service.signature,
            self.describe(interfaces),
            lambda: not (self.draining or is_hindered(service.gauges)),
        )
        self._scoring = _scoring_endpoints(service, interfaces, self.admission)
        self._others = Starlette(
            routes=[*information, *routes],
            exception_handlers={HTTPException: self._http_error, Exception: self._server_error},
        )
        self._others.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = self._scoring.get(scope["path"])
        if endpoint is None:
            with self.admission.aside:
                await self._others(scope, receive, send)
        else:
            await endpoint(scope, receive, send)

    def describe(self, interfaces: Interfaces) -> Json:
        """The OpenAPI document of what is served."""
        headers = {path: interface.headers for path, interface in interfaces.items()}
        return describe(self.signature, self.settings.max_rows, headers)

    def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it with nothing else
        message = f"{error.detail}."
        if error.status_code == 404 and request.url.path.startswith("/v2/models/"):
            name, version = self.signature.name, self.signature.version
            message = f"Not Found. The only model is {name!r}, in version {version!r}."
        reason = HTTPStatus(error.status_code).name.lower()
        return self._refused(request, Refusal(error.status_code, reason, message), error.headers)

    def _server_error(self, request: Request, _: Exception) -> Response:
        return self._refused(request, Refusal(500, "internal_error", "The service failed."), None)

    def _refused(
        self, request: Request, refusal: Refusal, headers: Mapping[str, str] | None
    ) -> Response:
        self.observers.refused(Refused(reason=refusal.reason, duration_s=0.0))
        is_protocol = request.url.path.startswith("/v2")
        body = as_protocol_json(refusal) if is_protocol else as_json(refusal)
        return Response(body, refusal.status, headers, "application/json")


def _scoring_endpoints(
    service: Service, interfaces: Interfaces, admission: Admission
) -> dict[str, ScoringEndpoint]:
    settings = service.settings
    executor = ThreadPoolExecutor(1, thread_name_prefix="large-requests")
    return {
        path: ScoringEndpoint(
            interface,
            service.observers,
            admission,
            executor,
            inline_body_bytes=settings.inline_body_bytes,
            request_timeout_s=settings.request_timeout_s,
            log_requests=settings.log_requests,
        )
        for path, interface in interfaces.items()
    }
