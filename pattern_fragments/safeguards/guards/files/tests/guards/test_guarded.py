"""The model between its guards: what is refused, how, and what is counted."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.gauges import Gauge
from __package__.guards.envelope import FILE_NAME, Envelope, Reach
from __package__.guards.predictor import (
    GuardedPredictor,
    OutsideTraining,
    UnsoundPredictionError,
)
from __package__.model_folder import ModelFolder
from __package__.scoring import Scorer, score_valid
from __package__.service import Service
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.wiring import build_scorer

FEATURES = ("speed", "size", "age")
GOOD = [1.0, 1.0, 1.0]


class Model:
    """Answers as it is told, and remembers how many rows it was asked about."""

    version = "v1"

    def __init__(self, answers: Sequence[float] = ()) -> None:
        self.answers = answers
        self.asked = 0

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked += len(features)
        return np.array(self.answers or [0.5] * len(features), np.float32)


class Guarded:
    """A guarded model whose features go from 0 to 2, `age` of which may be missing."""

    def __init__(self, folder: Path, answers: Sequence[float] = ()) -> None:
        signature = _signature(FEATURES)
        reaches = {name: Reach(0.0, 2.0, int(name == "age")) for name in FEATURES}
        Envelope(100, reaches).write(folder / FILE_NAME)
        self.model = Model(answers)
        self._gauges: list[Gauge] = []
        self.predictor = GuardedPredictor(
            self.model, signature, ModelFolder(folder), Settings(guard_margin=0.5), self._gauges
        )

    def predict(self, *rows: Sequence[float]) -> list[float]:
        values: list[float] = self.predictor.predict(np.array(rows, np.float32)).tolist()
        return values

    def figure(self, name: str, *labels: str) -> float:
        [gauge] = [one for one in self._gauges if one.name == f"guard_{name}_total"]
        return gauge.values()[labels]


def _signature(features: tuple[str, ...]) -> Signature:
    empty: dict[str, object] = {"name": "m", "version": "v1", "inputs": [], "features": features}
    return msgspec.convert({**empty, "output": {"name": "p", "description": "P"}}, Signature)


def test_rows_inside_are_answered_and_counted(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    assert guarded.predict(GOOD, [3.0, -1.0, np.nan]) == [0.5, 0.5]
    assert guarded.predictor.version == "v1"
    assert (guarded.figure("passed_rows"), guarded.figure("refused_rows")) == (2, 0)


def test_rows_outside_are_named_with_their_features_and_the_model_is_not_asked(
    tmp_path: Path,
) -> None:
    guarded = Guarded(tmp_path)
    with pytest.raises(OutsideTraining) as refused:
        guarded.predict(GOOD, [9.0, np.nan, 1.0], GOOD, [1.0, -9.0, np.nan])
    assert [(one.row, one.field, one.reason) for one in refused.value.problems] == [
        (1, "speed", "lies too far above what the model has learnt from"),
        (1, "size", "is missing, and the model has learnt from no row that lacks it"),
        (3, "size", "lies too far below what the model has learnt from"),
    ]
    assert guarded.model.asked == 0
    assert (guarded.figure("passed_rows"), guarded.figure("refused_rows")) == (0, 2)
    assert guarded.figure("refused_features", "size", "missing") == 1
    assert guarded.figure("refused_features", "size", "below") == 1
    assert guarded.figure("refused_features", "age", "below") == 0


def test_neither_values_nor_bounds_are_told(tmp_path: Path) -> None:
    with pytest.raises(OutsideTraining) as refused:
        Guarded(tmp_path).predict([1234.5, 1.0, 1.0])
    assert not any(figure in str(refused.value) for figure in ("1234", "2", "3"))


def test_many_rows_are_all_named_for_who_goes_on_with_the_others(tmp_path: Path) -> None:
    with pytest.raises(OutsideTraining) as refused:
        Guarded(tmp_path).predict(*[[9.0, 9.0, 9.0]] * 500)
    assert {problem.row for problem in refused.value.every_problem} == set(range(500))
    assert len(refused.value.problems) < 500


@pytest.mark.parametrize("answer", [np.nan, np.inf, -np.inf, -0.001, 1.001])
def test_an_answer_that_is_no_probability_is_the_model_s_own_fault(
    tmp_path: Path, answer: float
) -> None:
    guarded = Guarded(tmp_path, [0.5, answer])
    with pytest.raises(UnsoundPredictionError, match="model v1 answers 1 of 2 rows with"):
        guarded.predict(GOOD, GOOD)
    assert guarded.figure("unsound_predictions") == 1
    assert guarded.figure("passed_rows") == 0


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_certainty_is_a_probability(tmp_path: Path, answer: float) -> None:
    assert Guarded(tmp_path, [answer]).predict(GOOD) == [answer]


def test_an_envelope_of_other_features_is_refused_at_the_start(tmp_path: Path) -> None:
    Envelope(1, {"speed": Reach(0.0, 1.0, 0)}).write(tmp_path / FILE_NAME)
    with pytest.raises(ValueError, match=r"has other features than .*: train again"):
        GuardedPredictor(Model(), _signature(FEATURES), ModelFolder(tmp_path), Settings(), [])


def taught_otherwise(service: Service, place: Path) -> tuple[Scorer, str]:
    """A scorer whose model has learnt only from higher values of a feature than the example's."""
    example = service.scorer.encode_rows([service.signature.example])
    [values] = service.scorer.score(example).features
    feature = int(np.flatnonzero(np.isfinite(values))[0])
    shutil.copytree(service.settings.model_dir, place)
    envelope, name = Envelope.read(place / FILE_NAME), service.signature.features[feature]
    above = Reach(float(values[feature]) + 10, float(values[feature]) + 11, 0)
    Envelope(100, {**envelope.features, name: above}).write(place / FILE_NAME)
    settings = service.settings.model_copy(update={"model_dir": place})
    return build_scorer(settings, service.signature, ModelFolder(place), []), name


def test_the_service_refuses_a_row_outside_of_what_its_model_has_learnt(
    service: Service, tmp_path: Path
) -> None:
    scorer, name = taught_otherwise(service, tmp_path / "model")
    columns = scorer.encode_rows([service.signature.example] * 2)
    with pytest.raises(OutsideTraining, match=f"row 0, {name}: lies too far below"):
        scorer.score(columns)
    scored, refused = score_valid(scorer, columns)
    assert scored is None
    assert list(refused) == [0, 1]
    assert {problem.field for problems in refused.values() for problem in problems} == {name}
