"""The stretch of time that a model learns from, and the later one it is tested on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Period:
    """Train on [start, split), test on [split, end); raises ValueError in another order."""

    start: datetime
    split: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.split < self.end:
            raise ValueError(
                f"a period must run start < split < end, not {self.start:%Y-%m-%d},"
                f" {self.split:%Y-%m-%d}, {self.end:%Y-%m-%d}"
            )
