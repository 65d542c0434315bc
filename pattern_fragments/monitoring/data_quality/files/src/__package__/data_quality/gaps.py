"""What is missing and what is unknown, in encoded columns: cheap enough for every row."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..signature import Signature
from .rows import places_of


def missing(signature: Signature, features: NDArray[np.float32]) -> Mapping[str, int]:
    """How many of n rows lack each feature that is no input."""
    counts = np.isnan(features).sum(axis=0)
    return {name: int(counts[place]) for name, place in places_of(signature).items()}


def unknown(signature: Signature, columns: Columns) -> Mapping[str, int]:
    """In how many of n rows each open category is one that training did not know."""
    return {
        column.name: int((columns[column.name] == UNKNOWN).sum())
        for column in signature.inputs
        if column.accepts_unknown
    }
