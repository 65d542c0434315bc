"""The seam between the service and whatever feature store stands behind it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .columns import Columns


class FeatureSource(Protocol):
    """Turns encoded columns into the matrix that the model was trained on."""

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows, float32[n, k], in the order of the signature."""

    def as_of(self) -> float:
        """When the newest data behind the features became known, in seconds since 1970 UTC."""
