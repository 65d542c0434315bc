"""Figures that a part of the service offers to whoever watches it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Labels = tuple[str, ...]
"""The values of a gauge's labels, in their order."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is read when it is asked for, or one for each combination of labels.

    `name` is in snake case and ends in the unit. With `total` the value only rises as long as the
    process lives, and the name ends in `_total`. With `labels`, which name what tells the values
    apart, `read` gives a mapping; its size is bounded by what the model knows, never by what
    callers send. With `hinders` the service is not ready while the value is above 0.
    """

    name: str
    description: str
    read: Callable[[], float | Mapping[Labels, float]]
    total: bool = False
    labels: Labels = ()
    hinders: bool = False

    def values(self) -> Mapping[Labels, float]:
        """The values by their labels; of a gauge without labels the one value, under ()."""
        reading = self.read()
        return reading if isinstance(reading, Mapping) else {(): reading}


def is_hindered(gauges: Iterable[Gauge]) -> bool:
    """Whether something says that the service must not be asked now."""
    return any(max(gauge.values().values(), default=0) > 0 for gauge in gauges if gauge.hinders)
