"""A predictor that refuses what it has not learnt, and answers that cannot be right."""

import threading
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..columns import InvalidInput, Problem
from ..gauges import Gauge, Labels
from ..model_folder import ModelFolder
from ..predictor import Predictor
from ..settings import Settings
from ..signature import Signature
from .envelope import FILE_NAME, Bounds, Broken, Envelope

WHY = {
    "below": "lies too far below what the model has learnt from",
    "above": "lies too far above what the model has learnt from",
    "missing": "is missing, and the model has learnt from no row that lacks it",
}
"""What is said of a feature; neither its value nor a bound, which are of those in the training."""


class OutsideTraining(InvalidInput):
    """Rows that fit the signature and lie outside of what the model has learnt from."""

    reason = "outside_training"


class UnsoundPredictionError(ValueError):
    """The model has answered with what is no probability: its own fault, and no caller's."""


class GuardedPredictor:
    """Another predictor between two guards.

    Rows whose features leave the envelope of training are refused with OutsideTraining, before the
    model is asked. An answer that is not finite, or not from 0 to 1, is never handed on:
    UnsoundPredictionError.
    """

    def __init__(
        self,
        predictor: Predictor,
        signature: Signature,
        folder: ModelFolder,
        settings: Settings,
        gauges: list[Gauge],
    ) -> None:
        """Raises FileNotFoundError and ValueError when the folder has no envelope of the model."""
        path = folder.path / FILE_NAME
        envelope = Envelope.read(path)
        if tuple(envelope.features) != signature.features:
            raise ValueError(f"{path} has other features than {folder.signature}: train again")
        self._predictor = predictor
        self._names = signature.features
        self._bounds = Bounds(envelope, settings.guard_margin)
        self._counting = threading.Lock()
        self._passed = self._refused = self._unsound = 0
        self._features: Counter[Labels] = Counter(dict.fromkeys(self._labels(), 0))
        gauges += self._gauges()

    @property
    def version(self) -> str:
        """The version of the model that answers."""
        return self._predictor.version

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The outputs, float32[n], of n rows of features, float32[n, k].

        Raises OutsideTraining, which names all rows and features that are outside, and
        UnsoundPredictionError.
        """
        if not self._bounds.holds(features):
            raise self._refusal(self._bounds.broken(features))
        predictions = self._predictor.predict(features)
        is_sound = (predictions >= 0) & (predictions <= 1)
        if np.count_nonzero(is_sound) < len(predictions):
            raise self._fault(predictions[~is_sound], len(predictions))
        with self._counting:
            self._passed += len(predictions)
        return predictions

    def _refusal(self, broken: Broken) -> OutsideTraining:
        problems = []
        found: Counter[Labels] = Counter()
        for why, where in broken._asdict().items():
            for row, feature in np.argwhere(where).tolist():
                problems.append(Problem(row, self._names[feature], WHY[why]))
                found[self._names[feature], why] += 1
        problems.sort(key=lambda problem: problem.row or 0)
        with self._counting:
            self._refused += len({problem.row for problem in problems})
            self._features.update(found)
        return OutsideTraining(problems)

    def _fault(self, unsound: NDArray[np.float32], rows: int) -> UnsoundPredictionError:
        with self._counting:
            self._unsound += len(unsound)
        return UnsoundPredictionError(
            f"model {self.version} answers {len(unsound):,} of {rows:,} rows with {unsound[0]:g}"
            " and the like, which is no probability: go back to the version before"
        )

    def _labels(self) -> Iterator[Labels]:
        """Shown from the start: who watches a count sees a rise only of what was there before."""
        for name, may_be_missing in zip(self._names, self._bounds.may_be_missing, strict=True):
            for why in WHY:
                if why != "missing" or not may_be_missing:
                    yield name, why

    def _gauges(self) -> list[Gauge]:
        return [
            Gauge(
                "guard_passed_rows_total",
                "Rows that passed the guards of the model",
                lambda: self._passed,
                total=True,
            ),
            Gauge(
                "guard_refused_rows_total",
                "Rows that the model was not asked about: outside of what it has learnt from",
                lambda: self._refused,
                total=True,
            ),
            Gauge(
                "guard_refused_features_total",
                "The features because of which rows were refused; a row may have several",
                lambda: dict(self._features),
                total=True,
                labels=("feature", "why"),
            ),
            Gauge(
                "guard_unsound_predictions_total",
                "Answers of the model that were no probability, and were not handed on",
                lambda: self._unsound,
                total=True,
            ),
        ]
