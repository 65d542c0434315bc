"""The gate between the trained model and the ONNX form that will serve."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from .evaluate import Ranking

MAX_DIFFERENCE = 1e-5
"""Of 999 in 1,000 rows. A value that float32 puts on the other side of a split may differ more."""

MAX_AUC_DIFFERENCE = 1e-4


class Agreement(msgspec.Struct, frozen=True):
    """How far the answers of the served model lie from those of the trained one."""

    rows: int
    largest_difference: float
    difference_of_999_in_1000: float
    roc_auc_difference: float


class ExportDiffers(ValueError):  # noqa: N818 - the gate's verdict
    """The ONNX form answers something else than the model that was trained."""


def agreement(
    labels: NDArray[np.float64], native: NDArray[np.float64], served: NDArray[np.float32]
) -> Agreement:
    """Compare the answers to the same n rows; raises ExportDiffers beyond the bounds."""
    difference = np.abs(native - served)
    weights = np.ones(len(labels))
    found = Agreement(
        rows=len(labels),
        largest_difference=float(difference.max()),
        difference_of_999_in_1000=float(np.quantile(difference, 0.999)),
        roc_auc_difference=abs(
            Ranking(labels, native).roc_auc(weights) - Ranking(labels, served).roc_auc(weights)
        ),
    )
    if (
        not found.difference_of_999_in_1000 <= MAX_DIFFERENCE
        or not found.roc_auc_difference <= MAX_AUC_DIFFERENCE
    ):
        raise ExportDiffers(
            f"the ONNX form differs from the trained model: {found}; allowed are {MAX_DIFFERENCE}"
            f" for 999 in 1,000 rows and {MAX_AUC_DIFFERENCE} of ROC AUC"
        )
    return found
