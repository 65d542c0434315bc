"""The metrics of a run that ends before anybody scrapes it: pushed to a Prometheus Pushgateway."""

import logging
from collections.abc import Callable
from http.client import HTTPException

from prometheus_client import CollectorRegistry, push_to_gateway

from .settings import Settings

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0


def push(job: str, registry: CollectorRegistry, settings: Settings) -> Callable[[], None]:
    """What pushes `registry` once, in place of what the run before has pushed.

    A gateway that cannot be reached is logged and goes no further.
    """

    def report() -> None:
        if settings.pushgateway_url is None:
            return
        try:
            push_to_gateway(
                str(settings.pushgateway_url),
                job=job,
                registry=registry,
                grouping_key={"namespace": settings.namespace},
                timeout=TIMEOUT_S,
            )
        except (OSError, ValueError, HTTPException) as error:
            logger.warning("the metrics of this run were not pushed: %s", error)

    return report
