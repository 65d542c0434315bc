"""Which features the model leans on."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .evaluate import Ranking

ROWS = 10_000


def permutation_importance(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    names: tuple[str, ...],
    features: NDArray[np.float32],
    labels: NDArray[np.float64],
    seed: int,
) -> dict[str, float]:
    """The ROC AUC lost on a sample of rows when one feature is shuffled (Breiman 2001)."""
    random = np.random.default_rng(seed)
    sample = np.sort(random.permutation(len(labels))[:ROWS])
    features, labels = features[sample], labels[sample]
    weights = np.ones(len(labels))
    whole = Ranking(labels, predict(features)).roc_auc(weights)
    lost = {}
    for position, name in enumerate(names):
        shuffled = features.copy()
        shuffled[:, position] = random.permutation(features[:, position])
        lost[name] = whole - Ranking(labels, predict(shuffled)).roc_auc(weights)
    return lost
