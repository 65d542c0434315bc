"""Real rows to ask about, with their outcomes."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from ..domain import data
from ..domain.features import INPUTS
from .models import end_of_test


class Traffic:
    """n rows of the domain's examples, in order of when they are asked about."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """`frame` is what `data.examples` gives; raises ValueError when it holds no row."""
        if frame.is_empty():
            raise ValueError("there are no rows to rehearse with: choose days that the data has")
        self.frame = frame.sort("asked_at", maintain_order=True)
        """The inputs, `asked_at`, `label` and `labelled_at`."""
        self.rows: list[dict[str, object]] = _as_json(self.frame)
        """The inputs as a caller sends them in JSON."""
        self.labels = self.frame["label"].to_numpy().astype(np.float64)
        """float64[n] of 0 and 1."""
        self.asked_at = self.frame["asked_at"].dt.epoch("s").to_numpy()
        """int64[n], seconds since 1970 UTC."""
        self.labelled_at = self.frame["labelled_at"].dt.epoch("s").to_numpy()
        """int64[n], when each outcome was known."""

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "Traffic":
        """The rows of [start, end)."""
        return cls(data.examples(start, end))

    @classmethod
    def after_test_of(cls, model: Path, days: int = 7) -> "Traffic":
        """The rows of the days after a model's test: new to it."""
        start = end_of_test(model)
        return cls.between(start, start + timedelta(days=days))

    def __len__(self) -> int:
        return len(self.rows)


def _as_json(frame: pl.DataFrame) -> list[dict[str, object]]:
    """The inputs of each row, times as ISO 8601 text in UTC."""
    moments = [column.name for column in INPUTS if column.type == "timestamp"]
    inputs = frame.select(column.name for column in INPUTS)
    return inputs.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
