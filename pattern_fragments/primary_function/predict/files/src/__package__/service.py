"""The parts of the running service, put together by the composition root."""

from dataclasses import dataclass

from .gauges import Gauge
from .observer import Observers
from .scoring import Scorer
from .settings import Settings
from .signature import Signature


@dataclass(frozen=True, slots=True)
class Service:
    """What an entry point needs to serve the model."""

    settings: Settings
    signature: Signature
    scorer: Scorer
    observers: Observers
    gauges: list[Gauge]
    """Other parts add theirs before the service starts."""
