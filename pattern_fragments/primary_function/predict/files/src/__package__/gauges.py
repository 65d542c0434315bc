"""Figures that a part of the service offers to whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that may rise and fall, read when it is asked for.

    `name` is in snake case and ends in the unit.
    """

    name: str
    description: str
    read: Callable[[], float]
