"""Everything that the service shows to Prometheus: the figures of all its parts.

Names have no prefix of their own: the job label tells services apart, so that one query serves them
all. https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .gauges import Gauge
from .observer import Observers


@runtime_checkable
class Collecting(Protocol):
    """An observer with figures that no gauge can tell, such as a histogram."""

    def collect(self) -> Iterable[Metric]:
        """The figures as they are now."""


def registry_of(observers: Observers, gauges: Sequence[Gauge]) -> CollectorRegistry:
    """The gauges of all parts, also those that are added later, and what observers collect."""
    registry = CollectorRegistry()
    registry.register(_Gauges(gauges))
    for observer in observers.of(Collecting):  # type: ignore[type-abstract]
        registry.register(observer)
    return registry


class _Gauges(Collector):
    """Reads the gauges each time it is asked."""

    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for gauge in self._gauges:
            kind = CounterMetricFamily if gauge.total else GaugeMetricFamily
            family = kind(gauge.name, gauge.description, labels=gauge.labels)
            for labels, value in gauge.values().items():
                family.add_metric(labels, value)
            yield family
