"""The HTTP endpoint that Prometheus scrapes."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response


def scrape(registry: CollectorRegistry) -> Callable[[Request], Response]:
    """An endpoint that shows `registry` as OpenMetrics or Prometheus text, as the caller accepts.

    It is no coroutine: Starlette runs it in a thread, and predictions do not wait for a scrape.
    """

    def endpoint(request: Request) -> Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):
            # The client library cannot compare a version such as "latest".
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"content-type": content_type})

    return endpoint
