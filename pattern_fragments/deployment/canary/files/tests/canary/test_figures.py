"""What is read from a scrape."""

from math import inf

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from __package__.canary.figures import read
from __package__.metrics import SystemMetrics
from __package__.observer import Refused, Scored
from __package__.predicted_values import BOUNDS, PredictedValues
from __package__.signature import Output, Signature

SIGNATURE = Signature(
    name="model",
    version="v1",
    inputs=(),
    features=("x",),
    output=Output("probability", "The probability."),
)


class Parts:
    """What a service counts of its calls."""

    def __init__(self) -> None:
        self._observers = (SystemMetrics(SIGNATURE), PredictedValues())
        self._registry = CollectorRegistry()
        for observer in self._observers:
            self._registry.register(observer)

    def answer(self, prediction: float, duration_s: float = 0.001) -> None:
        call = Scored(
            id="id",
            request_id="request",
            time=0.0,
            columns={},
            features=np.zeros((1, 1), np.float32),
            predictions=np.array([prediction], np.float32),
            version="v1",
            duration_s=duration_s,
        )
        for observer in self._observers:
            observer.scored(call)

    def refuse(self, reason: str) -> None:
        for observer in self._observers:
            observer.refused(Refused(reason=reason, duration_s=0.0))

    def scrape(self) -> str:
        return generate_latest(self._registry).decode()


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_answers_faults_and_slow_answers_are_told_apart(parts: Parts) -> None:
    parts.answer(0.5)
    parts.answer(0.5, duration_s=0.06)
    for reason in ("internal_error", "overloaded", "invalid_input"):
        parts.refuse(reason)
    found = read(parts.scrape(), slow_after="0.05")
    assert (found.answered, found.slow, found.failed, found.asked) == (2, 1, 2, 4)
    assert (found.refused, found.received) == (1, 5)


def test_values_are_cumulative_and_end_in_all(parts: Parts) -> None:
    for prediction in (0.02, 0.02, 0.97):
        parts.answer(prediction)
    found = read(parts.scrape(), slow_after="0.05")
    assert list(found.values) == [*BOUNDS.tolist(), inf]
    assert list(found.values.values()) == [2.0] * len(BOUNDS) + [3.0]


def test_what_came_before_does_not_count(parts: Parts) -> None:
    parts.answer(0.5, duration_s=0.06)
    before = read(parts.scrape(), slow_after="0.05")
    parts.answer(0.5)
    parts.refuse("overloaded")
    found = read(parts.scrape(), slow_after="0.05").since(before)
    assert (found.answered, found.slow, found.failed) == (1, 0, 1)
    assert (found.refused, found.values[inf]) == (0, 1)
