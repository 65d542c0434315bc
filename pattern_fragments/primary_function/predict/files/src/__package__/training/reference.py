"""What the training data looked like: the profile that live traffic can be compared with."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..signature import Input

BINS = 20


class Distribution(msgspec.Struct, frozen=True):
    """How many rows fall between the edges: len(edges) + 1 bins, the outer ones open.

    Bin i holds edges[i - 1] <= x < edges[i]. The edges are quantiles of the training rows.
    """

    missing: int
    edges: list[float]
    counts: list[int]


class Frequencies(msgspec.Struct, frozen=True):
    """How many rows have each category, the unknown ones last."""

    categories: list[str]
    counts: list[int]
    unknown: int


class Reference(msgspec.Struct, frozen=True):
    """The profile of the training rows; reference.json.

    Timestamps have none: the next ones always lie outside.
    """

    rows: int
    inputs: Mapping[str, Distribution | Frequencies]
    features: Mapping[str, Distribution]
    predictions: Distribution


def profile(
    inputs: tuple[Input, ...],
    columns: Columns,
    names: tuple[str, ...],
    features: NDArray[np.float32],
    predictions: NDArray[np.float32],
) -> Reference:
    """Profile n rows: their columns, their features float32[n, k], their predictions float32[n]."""
    return Reference(
        rows=len(predictions),
        inputs={
            column.name: _input(column, columns[column.name])
            for column in inputs
            if column.type != "timestamp"
        },
        features={name: _distribution(features[:, i]) for i, name in enumerate(names)},
        predictions=_distribution(predictions),
    )


def _input(column: Input, values: NDArray[Any]) -> Distribution | Frequencies:
    if column.type != "category":
        return _distribution(values)
    unknown, *counts = np.bincount(values - UNKNOWN, minlength=len(column.categories) + 1).tolist()
    return Frequencies(list(column.categories), counts, unknown)


def _distribution(values: NDArray[Any]) -> Distribution:
    present = values[~np.isnan(values)]
    edges = (
        np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1]))
        if len(present)
        else present
    )
    counts = np.bincount(np.searchsorted(edges, present, "right"), minlength=len(edges) + 1)
    return Distribution(len(values) - len(present), edges.tolist(), counts.tolist())
