"""From rows to predictions, with what the model folder holds."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.columns import Columns, InvalidInput, Problem
from __package__.logs import request_id
from __package__.model_folder import ModelFolder
from __package__.observer import Scored
from __package__.predictor import OnnxPredictor
from __package__.scoring import Scorer, score_valid
from __package__.service import Service
from __package__.signature import Signature

HEAVY = ("onnx", "scipy")
"""What the packages of training bring along."""


def test_a_row_gets_a_probability(service: Service, signature: Signature) -> None:
    scored = service.scorer.score(service.scorer.encode_rows([signature.example] * 3))
    assert scored.features.shape == (3, len(signature.features))
    assert scored.predictions.shape == (3,)
    assert ((scored.predictions > 0) & (scored.predictions < 1)).all()
    assert scored.version == signature.version


def test_rows_and_columns_of_the_same_values_score_alike(
    service: Service, signature: Signature
) -> None:
    rows = service.scorer.score(service.scorer.encode_rows([signature.example]))
    columns = {name: [value] for name, value in signature.example.items()}
    assert service.scorer.score(service.scorer.encode_columns(columns)).predictions == (
        rows.predictions
    )


def test_every_prediction_has_an_id_of_its_own(service: Service, signature: Signature) -> None:
    columns = service.scorer.encode_rows([signature.example] * 2)
    first, second = service.scorer.score(columns), service.scorer.score(columns)
    ids = {scored.prediction_id(row) for scored in (first, second) for row in range(2)}
    assert len(ids) == 4


class Choosy:
    """A predictor that refuses some rows by their first feature, and answers with it."""

    version = "v1"

    def __init__(self, refuses: Callable[[float], bool]) -> None:
        self._refuses = refuses

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        values = features[:, 0]
        problems = [
            Problem(row, "first", "is wrong")
            for row, value in enumerate(values.tolist())
            if self._refuses(value)
        ]
        if problems:
            raise InvalidInput(problems)
        return values


class Numbers:
    """The features of a row are the one number that it has."""

    def features(self, columns: Columns) -> NDArray[np.float32]:
        return columns["n"].astype(np.float32)[:, None]

    def as_of(self) -> float:
        return 0.0


def choosy(signature: Signature, refuses: Callable[[float], bool]) -> Scorer:
    return Scorer(signature, Numbers(), Choosy(refuses))


def test_rows_that_are_refused_stop_no_others_where_they_must_not(signature: Signature) -> None:
    columns = {"n": np.arange(500.0)}
    ids = [f"id {row}" for row in range(500)]
    scorer = choosy(signature, lambda value: value % 2 == 1)
    scored, refused = score_valid(scorer, columns, ids)
    assert scored is not None
    assert scored.predictions.tolist() == list(range(0, 500, 2))
    assert [scored.prediction_id(row) for row in range(250)] == ids[::2]
    assert scored.columns["n"].tolist() == list(range(0, 500, 2))
    assert list(refused) == list(range(1, 500, 2))
    assert [(one.field, one.reason) for one in refused[7]] == [("first", "is wrong")]


def test_where_all_rows_are_refused_nothing_is_scored(signature: Signature) -> None:
    scored, refused = score_valid(choosy(signature, lambda _: True), {"n": np.arange(3.0)})
    assert scored is None
    assert list(refused) == [0, 1, 2]


def test_where_none_is_refused_they_are_scored_in_one_call(signature: Signature) -> None:
    scored, refused = score_valid(choosy(signature, lambda _: False), {"n": np.arange(3.0)})
    assert scored is not None
    assert scored.predictions.tolist() == [0, 1, 2]
    assert not refused


def test_a_refusal_that_names_no_row_is_one_of_all(
    signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = choosy(signature, lambda _: False)

    def refuse(*_: object) -> Scored:
        raise InvalidInput([Problem(None, "n", "is no input of this model")])

    monkeypatch.setattr(scorer, "score", refuse)
    with pytest.raises(InvalidInput, match="n: is no input"):
        score_valid(scorer, {"n": np.arange(3.0)})


def test_a_prediction_knows_its_request(service: Service, signature: Signature) -> None:
    token = request_id.set("abc")
    try:
        scored = service.scorer.score(service.scorer.encode_rows([signature.example]))
    finally:
        request_id.reset(token)
    assert scored.request_id == "abc"


def test_the_predictor_refuses_a_model_of_another_width(
    model_folder: ModelFolder, signature: Signature, tmp_path: Path
) -> None:
    folder = ModelFolder(tmp_path)
    shutil.copy(model_folder.model, folder.model)
    Signature(
        name=signature.name,
        version=signature.version,
        inputs=signature.inputs,
        features=signature.features[1:],
        output=signature.output,
    ).write(folder.signature)
    with pytest.raises(ValueError, match="train again"):
        OnnxPredictor.load(folder, threads=1)


@pytest.mark.parametrize("content", [None, b"", b"xx"])
def test_a_model_that_is_missing_or_broken_is_refused_by_its_name(
    model_folder: ModelFolder, tmp_path: Path, content: bytes | None
) -> None:
    folder = ModelFolder(tmp_path)
    shutil.copy(model_folder.signature, folder.signature)
    if content is not None:
        folder.model.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.onnx cannot be loaded: "):
        OnnxPredictor.load(folder, threads=1)


def test_a_missing_value_of_a_feature_is_no_obstacle(
    model_folder: ModelFolder, signature: Signature
) -> None:
    predictor = OnnxPredictor.load(model_folder, threads=1)
    features = np.full((2, len(signature.features)), np.nan, np.float32)
    assert np.isfinite(predictor.predict(features)).all()


def test_serving_imports_nothing_that_only_training_needs() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    train = {re.split("[^a-z0-9-]", row)[0] for row in project["dependency-groups"]["train"]}
    code = """
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
import __package__.wiring
print(*{name.partition(".")[0] for name in sys.modules})
"""
    run = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = set(run.stdout.split())
    owners = packages_distributions()
    assert train.isdisjoint(owner for module in imported for owner in owners.get(module, ()))
    assert imported.isdisjoint(HEAVY)
