"""Both models of an experiment, served in the past; production never starts this.

Each row is answered from features as they were known when it was asked about, and that moment
stands in the logs: weeks pass in minutes, and everything else is as in production.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import logs
from ..columns import Columns, Encoder
from ..domain import data
from ..feature_matrix import LONGEST_WINDOW, feature_matrix
from ..feature_store.offline import point_in_time
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..observer import Scored
from ..period import start_of_day
from ..predictor import OnnxPredictor
from ..rehearsal.traffic import Traffic
from ..scoring import Scorer
from ..serving.application import Application
from ..serving.server import serve
from ..settings import Settings, read_settings
from ..signature import Signature
from ..wiring import build_routes, build_service
from .arms import in_experiment

CENTURY_DAYS = 36_500


def kept_for_ever() -> dict[str, int]:
    """Settings under which nothing is deleted for its age: the traffic of a rehearsal is old.

    They are those in days that may be a century.
    """
    return {
        name: CENTURY_DAYS
        for name, field in Settings.model_fields.items()
        if any(getattr(bound, "le", None) == CENTURY_DAYS for bound in field.metadata)
    }


class PastFeatures:
    """The features of the rows of some traffic, each as of when it was asked about."""

    def __init__(self, signature: Signature, traffic: Traffic) -> None:
        columns = Encoder(signature.inputs).rows(traffic.rows)
        asked = traffic.frame["asked_at"]
        events = data.events(asked[0] - LONGEST_WINDOW, asked[-1])
        entities = point_in_time(events, signature.inputs, columns, traffic.asked_at)
        self._features = feature_matrix(columns, entities)
        self._asked_at = traffic.asked_at
        self._places = {row: place for place, row in enumerate(_rows(columns))}

    def features(self, columns: Columns) -> NDArray[np.float32]:
        """The features of n rows of the traffic, float32[n, k]."""
        return self._features[self._of(columns)]

    def as_of(self) -> float:
        """Of the last row."""
        return float(self._asked_at[-1])

    def asked_at(self, columns: Columns) -> float:
        """When the first of these rows was asked about."""
        return float(self._asked_at[self._of(columns)[0]])

    def _of(self, columns: Columns) -> list[int]:
        return [self._places[row] for row in _rows(columns)]


class PastScorer(Scorer):
    """Scores rows of the traffic when they were asked about."""

    def __init__(self, signature: Signature, past: PastFeatures, predictor: OnnxPredictor) -> None:
        super().__init__(signature, past, predictor)
        self._past = past

    @classmethod
    def of(cls, folder: ModelFolder, traffic: Traffic) -> "PastScorer":
        """That of the model in a folder."""
        signature = folder.read_signature()
        past = PastFeatures(signature, traffic)
        return cls(signature, past, OnnxPredictor.load(folder, threads=1))

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        """Predict n rows."""
        scored = super().score(columns, ids)
        return msgspec.structs.replace(scored, time=self._past.asked_at(columns))


def _rows(columns: Columns) -> list[tuple[object, ...]]:
    return list(zip(*(values.tolist() for values in columns.values()), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the rows of some days until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.experiment.rehearsed",
    )
    parser.add_argument("--from", type=start_of_day, dest="first", required=True)
    parser.add_argument("--until", type=start_of_day, required=True)
    options = parser.parse_args(arguments)
    traffic = Traffic.between(options.first, options.until)

    def build(
        _settings: Settings, _signature: Signature, folder: ModelFolder, _gauges: list[Gauge]
    ) -> Scorer:
        return PastScorer.of(folder, traffic)

    settings = read_settings()
    logs.configure(settings.log_level)
    service = build_service(settings)
    past = replace(service, scorer=PastScorer.of(ModelFolder(settings.model_dir), traffic))
    try:
        serve(Application(past, build_routes(past), lambda given: in_experiment(given, build)))
    finally:
        service.observers.close()


if __name__ == "__main__":
    main()
