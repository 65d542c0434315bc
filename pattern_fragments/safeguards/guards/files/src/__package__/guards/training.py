"""A step of training: writes the envelope, and says what the guard would have refused."""

import numpy as np
from numpy.typing import NDArray

from ..model_folder import ModelFolder
from ..training.dataset import Dataset
from .envelope import ENOUGH_DAYS, FILE_NAME, TAIL, Bounds, Envelope

DAY = 86_400

MARGINS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Those that the model card compares, for whoever chooses the setting."""


def write_envelope(dataset: Dataset, _predictions: NDArray[np.float32], folder: ModelFolder) -> str:
    """Write envelope.json; the section of the model card tells of the test period."""
    names = folder.read_signature().features
    rows = dataset.is_train
    days = len(np.unique(dataset.cuts[rows] // DAY))
    envelope = Envelope.of(names, dataset.features[rows], days)
    envelope.write(folder.path / FILE_NAME)
    return card_section(envelope, dataset.features[dataset.is_test])


def card_section(envelope: Envelope, features: NDArray[np.float32]) -> str:
    """What the guard would refuse of n later rows, float32[n, k], by the margin."""
    table = "\n".join(_line(envelope, features, margin) for margin in MARGINS)
    few = f" Its {envelope.days} days are few, so the margin counts as more." * (
        envelope.days < ENOUGH_DAYS
    )
    return f"""\
## Guard

A row is refused when a feature lies further beyond what the training rows had than
`SERVICE_GUARD_MARGIN` times the width of that, or is missing though no training row lacked it.
What they had is from the quantile {TAIL:.2%} to {1 - TAIL:.2%}.{few}

Of the {len(features):,} rows of the test period it would refuse, by the margin:

| margin | refused | a feature too far out | a feature missing | by feature |
|--:|--:|--:|--:|---|
{table}
"""


def _line(envelope: Envelope, features: NDArray[np.float32], margin: float) -> str:
    broken = Bounds(envelope, margin).broken(features)
    outside = broken.below | broken.above
    every = outside | broken.missing
    counts = every.sum(axis=0)
    worst = sorted(zip(counts.tolist(), envelope.features, strict=True), reverse=True)[:3]
    by_feature = ", ".join(f"`{name}` {count:,}" for count, name in worst if count)
    shares = (_share(which) for which in (every, outside, broken.missing))
    return f"| {margin:g} | {' | '.join(shares)} | {by_feature or '-'} |"


def _share(which: NDArray[np.bool_]) -> str:
    """The rows of bool[n, k] with a feature that is."""
    rows = np.any(which, axis=1)
    return f"{rows.sum():,} ({rows.mean():.3%})"
