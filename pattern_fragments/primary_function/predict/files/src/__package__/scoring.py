"""From encoded columns to predictions: the same steps for every way of serving."""

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np

from .columns import Columns, Encoder, InvalidInput, Problem
from .feature_source import FeatureSource
from .logs import request_id
from .observer import Scored
from .predictor import Predictor
from .signature import Signature


class Scorer:
    """Encodes, builds features and predicts."""

    def __init__(self, signature: Signature, features: FeatureSource, predictor: Predictor) -> None:
        self._encoder = Encoder(signature.inputs)
        self._features = features
        self._predictor = predictor

    def encode_rows(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        """Encode n rows of named values; raises InvalidInput."""
        return self._encoder.rows(rows)

    def encode_columns(self, raw: Mapping[str, Sequence[object]]) -> Columns:
        """Encode a list of n values per input; raises InvalidInput."""
        return self._encoder.columns(raw)

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        """Predict n encoded rows; `ids`, if given, become the ids of the n predictions.

        Raises InvalidInput when the predictor refuses a row.
        """
        started = time.perf_counter()
        features = self._features.features(columns)
        predictions = self._predictor.predict(features)
        return Scored(
            id=os.urandom(16).hex(),
            ids=ids,
            request_id=request_id.get(),
            time=time.time(),
            columns=columns,
            features=features,
            predictions=predictions,
            version=self._predictor.version,
            duration_s=time.perf_counter() - started,
        )


def score_valid(
    scorer: Scorer, columns: Columns, ids: Sequence[str] = ()
) -> tuple[Scored | None, Mapping[int, Sequence[Problem]]]:
    """Predict those of n encoded rows that are not refused: where one must not stop the others.

    What was scored, None when nothing was, and by the number of each refused row what is wrong.
    """
    rows = np.arange(len(next(iter(columns.values()))))
    refused: dict[int, list[Problem]] = {}
    while len(rows):
        try:
            return scorer.score(columns, ids), refused
        except InvalidInput as error:
            is_left = np.ones(len(rows), np.bool_)
            for problem in error.every_problem:
                if problem.row is None:
                    raise
                is_left[problem.row] = False
                refused.setdefault(int(rows[problem.row]), []).append(problem)
            if is_left.all():
                raise
            columns = {name: values[is_left] for name, values in columns.items()}
            ids = [ids[place] for place in np.flatnonzero(is_left).tolist()] if ids else ids
            rows = rows[is_left]
    return None, refused
