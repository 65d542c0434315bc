"""What Prometheus is shown of the parts of the service."""

from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from __package__.gauges import Gauge, Labels
from __package__.observer import Observers, Refused, Scored
from __package__.registry import registry_of


class Histograms:
    """An observer with figures of its own kind."""

    def scored(self, scored: Scored) -> None:
        """Nothing is counted."""

    def refused(self, refused: Refused) -> None:
        """Nothing is counted."""

    def close(self) -> None:
        """Nothing is held."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("collected", "Collected.", value=7)


def test_gauges_are_read_each_time_also_those_added_later() -> None:
    ages = iter([1.0, 2.0])
    gauges: list[Gauge] = []
    registry = registry_of(Observers([]), gauges)
    gauges.append(Gauge("age_seconds", "An age.", lambda: next(ages)))
    assert registry.get_sample_value("age_seconds") == 1
    assert registry.get_sample_value("age_seconds") == 2


@pytest.mark.parametrize(
    ("name", "total", "kind"), [("a_rows", False, "gauge"), ("a_rows_total", True, "counter")]
)
def test_labels_tell_the_values_of_a_gauge_apart(name: str, total: bool, kind: str) -> None:
    values: dict[Labels, float] = {("x", "1"): 5.0, ("x", "2"): 6.0}
    gauge = Gauge(name, "Rows.", lambda: values, total=total, labels=("feature", "bin"))
    registry = registry_of(Observers([]), [gauge])
    [family] = registry.collect()
    assert family.type == kind
    assert registry.get_sample_value(name, {"feature": "x", "bin": "2"}) == 6
    assert len(family.samples) == 2


def test_observers_show_what_they_collect() -> None:
    assert registry_of(Observers([Histograms()]), []).get_sample_value("collected") == 7
