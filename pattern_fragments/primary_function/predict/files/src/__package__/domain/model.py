"""The model: gradient-boosted trees.

Only training imports this file. It must provide fit, predict and to_onnx.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier


def fit(
    features: NDArray[np.float32], labels: NDArray[np.float64], seed: int
) -> HistGradientBoostingClassifier:
    """Fit float32[n, k] to float64[n] of 0 and 1."""
    # Codes of categories go in as numbers: skl2onnx converts categorical_features wrongly.
    model = HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.08,
        min_samples_leaf=200,
        random_state=seed,
    )
    return _with_float32_thresholds(model.fit(features, labels))


def predict(
    model: HistGradientBoostingClassifier, features: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The probability of the positive class, float64[n]."""
    probabilities: NDArray[np.float64] = model.predict_proba(features)[:, 1]
    return probabilities


def to_onnx(model: HistGradientBoostingClassifier, width: int) -> bytes:
    """The model as ONNX: input float32[n, width]; the last output is float32[n, 2]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the converter's own, about protobuf
        graph = convert_sklearn(
            model,
            name="lateness",  # a random one unless given: the same model is to be the same bytes
            initial_types=[("features", FloatTensorType([None, width]))],
            options={"zipmap": False},
        )
    return bytes(graph.SerializeToString())


def _with_float32_thresholds(
    model: HistGradientBoostingClassifier,
) -> HistGradientBoostingClassifier:
    """Round the thresholds down to float32, which ONNX has; to float32 features they mean the same.

    The converter would round to the nearest: up, for one in two, and perhaps past a feature.
    """
    for (tree,) in model._predictors:
        thresholds = tree.nodes["num_threshold"]
        rounded = thresholds.astype(np.float32)
        too_high = rounded > thresholds
        rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
        tree.nodes["num_threshold"] = rounded
    return model
