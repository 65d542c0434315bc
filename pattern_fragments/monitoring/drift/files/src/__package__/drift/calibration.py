"""A step of training: how far the period's own days and weeks lie from the whole of it.

What the training rows did themselves is no drift: a day has one weekday, a week its own weather.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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

DAY_S = 86_400

WINDOWS = (1, 7, 14, 28)
"""Days. A window is calibrated when the period is at least twice as long: else it is the period."""


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


def limits_of(bins: Bins, values: Values, times: NDArray[np.int64]) -> DriftLimits:
    """The limits from the rows that the bins were made of, n in order of when each was asked."""
    days = times // DAY_S - times[0] // DAY_S
    number = int(days[-1]) + 1
    by_day = bins.count_by(values, days, number)
    each = np.bincount(days, minlength=number)
    rows = np.concatenate([[0], each.cumsum()])
    # The period may cut its first and its last day.
    cut = each < np.median(each) / 2
    whole = range(int(cut[0]), number - int(cut[-1]))
    windows = {length: _windows(length, whole, rows) for length in WINDOWS}
    psis = {
        length: [bins.psi(by_day[window].sum(axis=0)) for window in found]
        for length, found in windows.items()
    }
    before = [
        bins.psi(by_day[day], by_day[day - 7])
        for day in whole[7:]
        if min(each[day], each[day - 7]) >= MIN_ROWS
    ]
    # Of the distances in larger steps: sorting rows costs more than adding counts.
    parts = {
        length: [slice(rows[window.start], rows[window.stop]) for window in found[:: _step(length)]]
        for length, found in windows.items()
    }
    stuck = bins.stuck()
    return DriftLimits(
        min_rows=MIN_ROWS,
        watched={
            name: _watched(
                values[name] if bins.is_number(name) else None,
                parts,
                {length: [float(row[place]) for row in found] for length, found in psis.items()},
                [float(row[place]) for row in before],
                float(stuck[place]),
            )
            for place, name in enumerate(bins.names)
        },
    )


def _windows(length: int, whole: range, rows: NDArray[np.int64]) -> list[slice]:
    """The windows of so many whole days, each with enough rows; none in too short a period."""
    if length > 1 and len(whole) < 2 * length:
        return []
    found = (slice(day, day + length) for day in whole[: len(whole) - length + 1])
    return [window for window in found if rows[window.stop] - rows[window.start] >= MIN_ROWS]


def _step(length: int) -> int:
    return max(1, length // 3)


def _watched(
    numbers: NDArray[Any] | None,
    parts: Mapping[int, Sequence[slice]],
    psis: Mapping[int, Sequence[float]],
    before: Sequence[float],
    stuck: float,
) -> Watched:
    """The limits of one thing; `numbers` are its n values, unless it is a category.

    `stuck` is its PSI when all rows have one value.
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
                psi=_reachable(psis[length], stuck),
                wasserstein=_most(LEAST_WASSERSTEIN, distances[length]) if has_numbers else None,
            )
            for length in WINDOWS
            if length == 1 or parts[length]
        },
        week_before=_reachable(before, stuck) if before else None,
        quantiles=expected.tolist(),
        spread=spread,
    )


def _reachable(seen: Sequence[float], stuck: float) -> float | None:
    """The limit of a PSI that a stuck value still exceeds; None where training's own windows do.

    A day has one weather: its PSI says as little about a day as that of a sensor that is stuck.
    """
    most = float(np.nanmax([0.0, *seen]))
    return None if most >= stuck else min(_most(LEAST_PSI, seen), (most + stuck) / 2)


def _most(least: float, seen: Sequence[float]) -> float:
    """The limit from what training saw; a window without a value (NaN) says nothing."""
    return max(least, MARGIN * float(np.nanmax([0.0, *seen])))
