"""A step of training: how far the period's own days and weeks lie from the whole of it.

What the training rows did themselves is no drift: a day has one weekday, a week its own weather.
Days and weeks here are the windows that the alert rules look at: they end at any half hour.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..model_folder import ModelFolder
from ..training.dataset import Dataset
from .bins import Bins, Values, watched
from .effect_size import quantiles, wasserstein
from .limits import (
    FILE_NAME,
    LEAST_PSI,
    LEAST_WASSERSTEIN,
    MARGIN,
    MIN_ROWS,
    DriftLimits,
    Limits,
    Watched,
)

STEP_S = 1_800
"""Seconds between two windows, as between two evaluations of the rules."""

DAY = 86_400 // STEP_S
"""Steps."""

WINDOWS = (1, 7, 14, 28)
"""Days. A window is calibrated when the period is at least twice as long: else it is the period."""

HISTORY = 14
"""A day is compared with its mean of so many days until the day before, ..."""

LEAST_HISTORY = 7
"""... once there are so many."""

AT_ONCE = 1_000
"""Windows whose counts are held at once."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def calibrate(dataset: Dataset, predictions: NDArray[np.float32], folder: ModelFolder) -> None:
    """Write drift.json; needs the signature and the reference of the new model."""
    rows, signature = dataset.is_train, folder.read_signature()
    values = watched(
        signature,
        {name: column[rows] for name, column in dataset.columns.items()},
        dataset.features[rows],
        predictions[rows],
    )
    limits = limits_of(Bins.read(folder.reference, signature), values, dataset.cuts[rows])
    content = msgspec.json.format(msgspec.json.encode(limits))
    (folder.path / FILE_NAME).write_bytes(content + b"\n")


def limits_of(bins: Bins, values: Values, times: Ints) -> DriftLimits:
    """The limits from the rows that the bins were made of, n in order of when each was asked."""
    steps = times // STEP_S - times[0] // STEP_S
    number = int(steps[-1]) + 1
    until = _Until(bins, bins.count_by(values, steps, number))
    rows = np.concatenate([[0], np.bincount(steps, minlength=number).cumsum()])
    ends = {length: _ends(length, rows) for length in WINDOWS}
    psis = {length: until.psi(found, length) for length, found in ends.items()}
    before = ends[1][np.isin(ends[1] - 7 * DAY, ends[1])]
    # Of the distances in larger steps: sorting rows costs more than adding counts.
    parts = {
        length: [
            slice(rows[end - length * DAY], rows[end])
            for end in found[:: max(1, length // 3) * DAY]
        ]
        for length, found in ends.items()
    }
    days = until.psi(np.arange(DAY, number + 1), 1)
    above = _above_history(days)[ends[1] - DAY]
    seen = _Seen(psis, until.psi(before, 1, 7 * DAY), above[~np.isnan(above).all(axis=1)])
    stuck, usual = bins.stuck(), np.nan_to_num(days).sum(axis=0) / max(1, len(days))
    return DriftLimits(
        min_rows=MIN_ROWS,
        watched={
            name: _watched(
                values[name] if bins.is_number(name) else None,
                parts,
                seen.of(place),
                float(stuck[place]),
                float(usual[place]),
            )
            for place, name in enumerate(bins.names)
        },
    )


class _Until:
    """The counts of rows until the end of each step: a window's are a difference of two."""

    def __init__(self, bins: Bins, by_step: Ints) -> None:
        self._bins = bins
        self._counts = np.zeros((len(by_step) + 1, by_step.shape[1]), np.int64)
        np.cumsum(by_step, axis=0, out=self._counts[1:])

    def psi(self, ends: Ints, length: int, before: int = 0) -> Floats:
        """The PSI of windows of so many days, float64[n, m]; NaN for one without rows.

        To the reference, or to the windows so many steps before.
        """
        found = [np.empty((0, len(self._bins.names)))]
        for place in range(0, len(ends), AT_ONCE):
            some = ends[place : place + AT_ONCE]
            counts = self._of(some, length)
            other = self._of(some - before, length) if before else None
            found.append(self._bins.psi(counts, other))
        return np.concatenate(found)

    def _of(self, ends: Ints, length: int) -> Ints:
        return np.asarray(self._counts[ends] - self._counts[ends - length * DAY])


def _ends(length: int, rows: Ints) -> Ints:
    """The steps at which windows of so many days end that have enough rows.

    None in too short a period. `rows` are those until the end of each step.
    """
    last = len(rows) - 1
    if length > 1 and last < 2 * length * DAY:
        return np.empty(0, np.int64)
    ends = np.arange(length * DAY, last + 1)
    return ends[rows[ends] - rows[ends - length * DAY] >= MIN_ROWS]


def _above_history(days: Floats) -> Floats:
    """By how much the PSI of each day is above its mean of two weeks until a day before.

    `days` are windows one after the other, float64[n, m]; NaN where there is no week before.
    """
    known = ~np.isnan(days)
    sums, counts = (
        np.concatenate([np.zeros((1, days.shape[1])), np.cumsum(each, axis=0)])
        for each in (np.nan_to_num(days), known)
    )
    last = np.maximum(np.arange(len(days)) + 1 - DAY, 0)
    first = np.maximum(last - HISTORY * DAY, 0)
    number = counts[last] - counts[first]
    mean = (sums[last] - sums[first]) / np.maximum(number, 1)
    return np.where(number >= LEAST_HISTORY * DAY, days - mean, np.nan)


class _Seen(NamedTuple):
    """What training's own windows did, of all that is watched or of one thing: float64[n(, m)]."""

    psis: Mapping[int, Floats]
    """By the days of a window."""
    week_before: Floats
    above_history: Floats

    def of(self, place: int) -> "_Seen":
        return _Seen(
            {length: found[:, place] for length, found in self.psis.items()},
            self.week_before[:, place],
            self.above_history[:, place],
        )


def _watched(
    numbers: NDArray[Any] | None,
    parts: Mapping[int, Sequence[slice]],
    seen: _Seen,
    stuck: float,
    usual: float,
) -> Watched:
    """The limits of one thing; `numbers` are its n values, unless it is a category.

    `stuck` is its PSI when all rows have one value, `usual` that of its mean day.
    """
    has_numbers = numbers is not None and not np.isnan(numbers).all()
    distances: dict[int, list[float]] = {length: [] for length in parts}
    expected, spread = np.empty(0), 0.0
    if numbers is not None and has_numbers:
        expected, spread = quantiles(numbers), float(np.nanstd(numbers, dtype=np.float64))
        distances = {
            length: [wasserstein(numbers[part], expected, spread) for part in found]
            for length, found in parts.items()
        }
    return Watched(
        windows={
            length: Limits(
                psi=_reachable(seen.psis[length], stuck),
                wasserstein=_most(LEAST_WASSERSTEIN, distances[length]) if has_numbers else None,
            )
            for length in WINDOWS
            if length == 1 or parts[length]
        },
        week_before=_reachable(seen.week_before, stuck) if len(seen.week_before) else None,
        above_history=(
            _reachable(seen.above_history, stuck - usual) if len(seen.above_history) else None
        ),
        quantiles=expected.tolist(),
        spread=spread,
    )


def _reachable(seen: Floats, stuck: float) -> float | None:
    """The limit of a PSI that a stuck value still exceeds; None where training's own windows do.

    A day has one weather: its PSI says as little about a day as that of a sensor that is stuck.
    """
    most = float(np.nanmax(np.asarray(seen), initial=0.0))
    return None if most >= stuck else min(_most(LEAST_PSI, seen), (most + stuck) / 2)


def _most(least: float, seen: Floats | Sequence[float]) -> float:
    """The limit from what training saw; a window without a value (NaN) says nothing."""
    return max(least, MARGIN * float(np.nanmax(np.asarray(seen), initial=0.0)))
