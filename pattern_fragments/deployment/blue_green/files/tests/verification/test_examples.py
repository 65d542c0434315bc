"""The rows that training leaves for the verification."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from __package__.columns import UNKNOWN, Encoder
from __package__.domain import data
from __package__.model_folder import ModelFolder
from __package__.training.dataset import Dataset, load
from __package__.verification.examples import Examples
from __package__.verification.training import EXAMPLES, keep_examples


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(data.SMALL_PERIOD)


def kept(dataset: Dataset, folder: Path) -> Examples:
    model = ModelFolder(folder)
    keep_examples(dataset, np.zeros(len(dataset.labels), np.float32), model)
    return Examples.read(model)


def test_training_leaves_rows_that_the_model_knows(model_folder: ModelFolder) -> None:
    examples = Examples.read(model_folder)
    assert len(examples.rows) == EXAMPLES
    columns = Encoder(model_folder.read_signature().inputs).rows(examples.rows)
    assert all((values != UNKNOWN).all() for values in columns.values())


def test_they_are_rows_of_the_test_period_with_the_values_they_had(
    dataset: Dataset, tmp_path: Path
) -> None:
    encoded = Encoder(dataset.inputs).rows(kept(dataset, tmp_path).rows)
    names = list(encoded)
    tested = set(zip(*(dataset.columns[name][dataset.is_test] for name in names), strict=True))
    assert set(zip(*(encoded[name] for name in names), strict=True)) <= tested


def test_nothing_personal_leaves_the_training_data(dataset: Dataset, tmp_path: Path) -> None:
    inputs = tuple(msgspec.structs.replace(column, personal=True) for column in dataset.inputs)
    rows = kept(replace(dataset, inputs=inputs), tmp_path).rows
    assert all(row == {column.name: column.example for column in inputs} for row in rows)


def test_a_folder_without_examples_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run `make train` again"):
        Examples.read(ModelFolder(tmp_path))
    (tmp_path / "examples.json").write_text("[1]")
    with pytest.raises(ValueError, match="holds no example rows"):
        Examples.read(ModelFolder(tmp_path))
