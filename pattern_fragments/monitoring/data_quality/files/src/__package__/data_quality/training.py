"""A step of training: its rows must fit the schema, and how well they do is written down."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..domain.quality import MOST_FAILING
from ..model_folder import ModelFolder
from ..training.dataset import Dataset
from .gaps import missing, unknown
from .reference import FILE_NAME, Quality
from .rows import rows_of
from .validation import Found, validate


def check_training_rows(
    dataset: Dataset, _predictions: NDArray[np.float32], folder: ModelFolder
) -> None:
    """Write quality.json; raises ValueError when a check fails for too many rows."""
    signature, rows = folder.read_signature(), dataset.is_train
    columns = {name: column[rows] for name, column in dataset.columns.items()}
    features = dataset.features[rows]
    found = validate(rows_of(signature, columns, features, dataset.cuts[rows]))
    refuse(found)
    failed: dict[str, dict[str, float]] = {}
    for (dimension, name), count in found.failed.items():
        failed.setdefault(dimension, {})[name] = count / found.rows
    quality = Quality(
        rows=found.rows,
        failed=failed,
        missing={name: count / found.rows for name, count in missing(signature, features).items()},
        unknown={name: count / found.rows for name, count in unknown(signature, columns).items()},
    )
    content = msgspec.json.format(msgspec.json.encode(quality))
    (folder.path / FILE_NAME).write_bytes(content + b"\n")


def refuse(found: Found) -> None:
    """Raise ValueError when a check fails for more than MOST_FAILING of the rows."""
    worst = sorted(found.failed.items(), key=lambda one: -one[1])
    said = [
        f"{dimension}, {name}: {count / found.rows:.2%}"
        for (dimension, name), count in worst
        if count > MOST_FAILING * found.rows
    ]
    if said:
        raise ValueError(
            f"of {found.rows:,} training rows more than the {MOST_FAILING:.2%} of"
            f" domain/quality.py fail a check ({'; '.join(said)}): mend the data, or the check"
        )
