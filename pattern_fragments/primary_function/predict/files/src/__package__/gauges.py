"""Figures that a part of the service offers to whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is read when it is asked for.

    `name` is in snake case and ends in the unit. With `total` the value only rises as long as the
    process lives, and the name ends in `_total`.
    """

    name: str
    description: str
    read: Callable[[], float]
    total: bool = False
