"""How far the training rows reach, feature by feature: envelope.json of the model folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

FILE_NAME = "envelope.json"

TAIL = 0.0005
"""The share of the training rows that is left out at either end: what a broken sensor has said once
is nothing that the model has learnt, and the extreme of a single person is nobody's business."""

ENOUGH_DAYS = 30
"""A training of fewer days has seen little of what its features do: the margin is larger then."""

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]


class Reach(msgspec.Struct, frozen=True):
    """The quantiles TAIL and 1 - TAIL of a feature in the training rows, None when no row has it;
    and how many rows lack it."""

    low: float | None
    high: float | None
    missing: int


class Broken(NamedTuple):
    """Which of n rows break the envelope by which of k features, and how: bool[n, k] each."""

    below: Masks
    above: Masks
    missing: Masks


class Envelope(msgspec.Struct, frozen=True):
    """What each feature, by name and in matrix order, was in the training rows of so many days."""

    days: int
    features: Mapping[str, Reach]

    @classmethod
    def of(cls, names: Sequence[str], features: Floats, days: int) -> "Envelope":
        """That of n rows, float32[n, k], which were asked on so many different days."""
        found = zip(names, features.T, strict=True)
        return cls(days, {name: _reach(values) for name, values in found})

    def write(self, path: Path) -> None:
        """Write it to `path` as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Envelope":
        """Read the file at `path`; raises FileNotFoundError and ValueError."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: train again, which writes it")
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} is no envelope of a model: {error}") from error


class Bounds:
    """From `low - reach` to `high + reach` for each feature.

    There `reach` is `margin * (high - low)`, times ENOUGH_DAYS / days if these are fewer. A feature
    that had one value alone has told the model nothing, and may have any but an infinite one. A
    feature may be missing if some training row lacked it.
    """

    def __init__(self, envelope: Envelope, margin: float) -> None:
        reaches = envelope.features.values()
        largest = np.finfo(np.float32).max
        low = np.array([_or_nan(one.low) for one in reaches], np.float64)
        high = np.array([_or_nan(one.high) for one in reaches], np.float64)
        width = high - low
        reach = margin * max(1, ENOUGH_DAYS / envelope.days) * width
        is_open = ~(width > 0)
        low = np.where(is_open, -largest, np.maximum(low - reach, -largest))
        high = np.where(is_open, largest, np.minimum(high + reach, largest))
        # In the shape of a row: comparing one row with it takes half of the time.
        self._low, self._high = (side.astype(np.float32)[None] for side in (low, high))
        self.may_be_missing: Masks = np.array([one.missing > 0 for one in reaches], np.bool_)

    def holds(self, features: Floats) -> bool:
        """Whether no row breaks the envelope, float32[n, k]; the usual case, and the fast one."""
        inside = (features >= self._low) & (features <= self._high)
        if np.count_nonzero(inside) == inside.size:  # for one row a third of the time of all()
            return True
        inside |= np.isnan(features) & self.may_be_missing
        return bool(np.count_nonzero(inside) == inside.size)

    def broken(self, features: Floats) -> Broken:
        """What breaks the envelope in n rows, float32[n, k]."""
        return Broken(
            features < self._low,
            features > self._high,
            np.isnan(features) & ~self.may_be_missing,
        )


def _reach(values: Floats) -> Reach:
    """That of the values of one feature, float32[n]."""
    present = values[np.isfinite(values)].astype(np.float64)
    missing = int(np.isnan(values).sum())
    if not len(present):
        return Reach(None, None, missing)
    low, high = np.quantile(present, (TAIL, 1 - TAIL)).tolist()
    return Reach(low, high, missing)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
