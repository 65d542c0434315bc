"""The model means the same in both of its forms."""

import numpy as np
import onnxruntime

from __package__.domain import model

ROWS, WIDTH = 4_000, 2


def test_onnx_agrees_even_where_neighbouring_float32_values_are_split() -> None:
    random = np.random.default_rng(0)
    steps = random.integers(0, 12, (ROWS, WIDTH))
    features = np.float32(1 / 3) + steps.astype(np.float32) * np.spacing(np.float32(1 / 3))
    labels = (random.random(ROWS) < steps[:, 0] / 12).astype(np.float64)
    fitted = model.fit(features, labels, seed=0)
    session = onnxruntime.InferenceSession(model.to_onnx(fitted, WIDTH))
    served = session.run(["probabilities"], {"features": features})[0][:, 1]
    assert np.abs(model.predict(fitted, features) - served).max() < 1e-6


def test_the_same_seed_gives_the_same_bytes() -> None:
    random = np.random.default_rng(0)
    features = random.random((ROWS, WIDTH), np.float32)
    labels = (random.random(ROWS) < features[:, 0]).astype(np.float64)
    first, second = (model.to_onnx(model.fit(features, labels, seed=0), WIDTH) for _ in range(2))
    assert first == second
