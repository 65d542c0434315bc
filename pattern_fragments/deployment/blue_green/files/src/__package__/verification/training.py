"""A step of training: rows of the test period, for the day when the model is to take over."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN
from ..model_folder import ModelFolder
from ..signature import Input
from ..training.dataset import Dataset
from .examples import Examples

EXAMPLES = 500
"""So many lie within 0.06 of the distribution of all rows of the test, in 19 of 20 cases."""


def keep_examples(dataset: Dataset, _predictions: NDArray[np.float32], folder: ModelFolder) -> None:
    """Write rows that are spread evenly over the test period.

    A row with an unknown category is left out, for its text is gone. What is personal does not
    leave the training data: all rows have the example of the signature there.
    """
    known = dataset.is_test.copy()
    for column in dataset.inputs:
        if column.type == "category":
            known &= dataset.columns[column.name] != UNKNOWN
    places = np.flatnonzero(known)
    chosen = places[np.linspace(0, len(places) - 1, min(EXAMPLES, len(places))).astype(int)]
    columns = {
        column.name: _decoded(column, dataset.columns[column.name][chosen])
        for column in dataset.inputs
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    Examples(rows).write(folder)


def _decoded(column: Input, values: NDArray[Any]) -> list[Any]:
    """The values of one input as a caller sends them."""
    if column.personal:
        return [column.example] * len(values)
    as_sent: dict[str, Callable[[Any], Any]] = {
        "category": lambda code: column.categories[code],
        "timestamp": lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(),
        "number": float,
    }
    return [as_sent[column.type](value) for value in values.tolist()]
