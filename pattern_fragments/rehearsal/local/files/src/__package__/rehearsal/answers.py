"""What callers got, and whether it was right."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..model_folder import ModelFolder
from ..scoring import score_valid
from ..settings import Settings
from ..wiring import build_scorer
from .traffic import Traffic

UNPROCESSABLE = 422

TOLERANCE = 1e-5
"""Rows that are scored together are summed up in another order than one alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request."""

    row: int
    """Which row of the traffic was asked about."""
    sent_at: float
    """In seconds of `time.monotonic`."""
    latency_s: float
    status: int
    """Of HTTP; 0 when no answer came."""
    version: str = ""
    """The model that answered; empty unless the status is 200."""
    prediction: float = math.nan
    prediction_id: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many requests were answered, refused, never answered, and answered wrongly."""

    answered: int
    refused: int
    lost: int
    wrong: int
    """Of those answered: the prediction is not that of the version which the answer names."""


def judge(answers: Iterable[Answer], expected: Mapping[str, NDArray[np.float32]]) -> Judged:
    """Count; `expected` has the predictions float32[n] of each version for the traffic's rows.

    A row that a version refuses has NaN there: the refusal is its right answer.
    """
    answered = refused = lost = wrong = 0
    for answer in answers:
        if answer.status == 200:
            answered += 1
            of_version = expected.get(answer.version)
            is_right = (
                of_version is not None
                and abs(answer.prediction - float(of_version[answer.row])) <= TOLERANCE
            )
            wrong += not is_right
        elif answer.status == UNPROCESSABLE and any(
            math.isnan(of_version[answer.row]) for of_version in expected.values()
        ):
            answered += 1
        elif answer.status:
            refused += 1
        else:
            lost += 1
    return Judged(answered, refused, lost, wrong)


def expected_of(model: Path, traffic: Traffic) -> NDArray[np.float32]:
    """What a model, in this process, predicts for each row of the traffic: float32[n].

    NaN for a row that it refuses.
    """
    folder = ModelFolder(model)
    settings = Settings.model_construct(model_dir=model)  # nothing of what the shell exports
    scorer = build_scorer(settings, folder.read_signature(), folder, [])
    predictions = np.full(len(traffic), np.nan, np.float32)
    scored, refused = score_valid(scorer, scorer.encode_rows(traffic.rows))
    if scored is not None:
        predictions[[row for row in range(len(traffic)) if row not in refused]] = scored.predictions
    return predictions
