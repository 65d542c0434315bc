"""How good the predictions are for each category of an input: a section of the card."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN
from ..model_folder import ModelFolder
from ..signature import Input
from .dataset import Dataset
from .evaluate import Ranking

LEAST_ROWS = 100
"""A segment of fewer test rows tells more about chance, and perhaps about single persons."""

HEAD = f"""\
## Performance by segment

On the test period, for each category that {LEAST_ROWS} of its rows have at least. Where observed
and predicted lie far apart, or the ROC AUC far below that of all rows, the model serves that
segment worse; with few rows that may be chance. Groups of people that are no input do not show.

| input | value | rows | observed | predicted | ROC AUC |
|---|---|--:|--:|--:|--:|
"""


class Segment(msgspec.Struct, frozen=True):
    """The test rows with one category; `roc_auc` is None when all their outcomes are the same."""

    input: str
    value: str
    rows: int
    rate: float
    mean_prediction: float
    roc_auc: float | None


def by_segment(dataset: Dataset, predicted: NDArray[np.float32], _folder: ModelFolder) -> str:
    """The section; `predicted` is the model's prediction of each row, float32[n]."""
    rows = [row for column in dataset.inputs for row in segments(dataset, predicted, column)]
    return HEAD + "\n".join(map(_row, rows))


def segments(dataset: Dataset, predicted: NDArray[np.float32], column: Input) -> Iterator[Segment]:
    """The segments of an input, the largest first; none of one that is no category."""
    if column.type != "category":
        return
    test = dataset.is_test
    codes = dataset.columns[column.name][test]
    labels, predictions = dataset.labels[test], predicted[test]
    found, counts = np.unique(codes, return_counts=True)
    for code in found[np.argsort(-counts, kind="stable")].tolist():
        inside = codes == code
        if inside.sum() < LEAST_ROWS:
            return
        rate = float(labels[inside].mean())
        weights = np.ones(int(inside.sum()))
        yield Segment(
            input=column.name,
            value="(all others)" if code == UNKNOWN else column.categories[int(code)],
            rows=len(weights),
            rate=rate,
            mean_prediction=float(predictions[inside].mean()),
            roc_auc=Ranking(labels[inside], predictions[inside]).roc_auc(weights)
            if 0 < rate < 1
            else None,
        )


def _row(segment: Segment) -> str:
    auc = "-" if segment.roc_auc is None else f"{segment.roc_auc:.3f}"
    value = segment.value.replace("|", "\\|")
    return (
        f"| `{segment.input}` | {value} | {segment.rows:,} | {segment.rate:.1%} |"
        f" {segment.mean_prediction:.1%} | {auc} |"
    )
