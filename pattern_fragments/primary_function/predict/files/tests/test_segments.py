"""What the card says of single categories is what the test rows say."""

import re

import numpy as np
import pytest

from __package__.columns import UNKNOWN
from __package__.domain import data
from __package__.model_folder import ModelFolder
from __package__.predictor import OnnxPredictor
from __package__.training.dataset import Dataset, load
from __package__.training.segments import LEAST_ROWS, Segment, segments


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The rows that the tests' model was trained and tested on."""
    return load(data.SMALL_PERIOD)


@pytest.fixture(scope="module")
def found(dataset: Dataset, model_folder: ModelFolder) -> list[Segment]:
    """The segments of all inputs."""
    predicted = OnnxPredictor.load(model_folder, 1).predict(dataset.features)
    return [row for column in dataset.inputs for row in segments(dataset, predicted, column)]


def test_a_segment_has_the_figures_of_its_own_test_rows(
    dataset: Dataset, found: list[Segment]
) -> None:
    known = [segment for segment in found if segment.value != "(all others)"]
    assert known
    for segment in known:
        [column] = [each for each in dataset.inputs if each.name == segment.input]
        codes = dataset.columns[column.name]
        rows = dataset.is_test & (codes == column.categories.index(segment.value))
        assert segment.rows == rows.sum()
        assert segment.rate == pytest.approx(dataset.labels[rows].mean())


def test_a_model_that_knows_nothing_ranks_no_segment(dataset: Dataset) -> None:
    constant = np.full(len(dataset.labels), 0.5, np.float32)
    rows = [row for column in dataset.inputs for row in segments(dataset, constant, column)]
    assert {row.roc_auc for row in rows} <= {0.5, None}
    assert {row.mean_prediction for row in rows} == {0.5}


def test_small_segments_are_left_out(dataset: Dataset, found: list[Segment]) -> None:
    assert min(segment.rows for segment in found) >= LEAST_ROWS
    for column in dataset.inputs:
        if column.type == "category":
            _, counts = np.unique(dataset.columns[column.name][dataset.is_test], return_counts=True)
            shown = [segment for segment in found if segment.input == column.name]
            assert len(shown) == (counts >= LEAST_ROWS).sum()


def test_what_training_did_not_know_is_a_segment_of_its_own(
    dataset: Dataset, found: list[Segment]
) -> None:
    for column in dataset.inputs:
        if column.accepts_unknown:
            rows = (dataset.columns[column.name][dataset.is_test] == UNKNOWN).sum()
            others = [
                segment.rows
                for segment in found
                if segment.input == column.name and segment.value == "(all others)"
            ]
            assert others == ([rows] if rows >= LEAST_ROWS else [])


def test_the_card_has_a_line_for_each(model_folder: ModelFolder, found: list[Segment]) -> None:
    _, _, rest = model_folder.card.read_text().partition("\n## Performance by segment\n")
    lines = re.findall(r"^\| `", rest.partition("\n## ")[0], re.MULTILINE)
    assert len(lines) == len(found)
