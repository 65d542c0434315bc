"""Observers hear of everything and can break nothing."""

import logging
import time

import numpy as np
import pytest

from __package__.observer import QUIET_S, Observers, Refused, Scored

SCORED = Scored(
    id="a",
    request_id="",
    time=0.0,
    columns={},
    features=np.zeros((1, 1), np.float32),
    predictions=np.zeros(1, np.float32),
    version="1",
    duration_s=0.0,
)
REFUSED = Refused(reason="invalid_input", duration_s=0.0)


class Listening:
    def __init__(self) -> None:
        self.heard: list[Scored | Refused] = []

    def scored(self, scored: Scored) -> None:
        self.heard.append(scored)

    def refused(self, refused: Refused) -> None:
        self.heard.append(refused)

    def close(self) -> None:
        self.heard.clear()


class Failing(Listening):
    def scored(self, scored: Scored) -> None:
        raise RuntimeError(f"no room for {scored.id}")


def test_all_observers_hear_even_when_one_fails() -> None:
    listening = Listening()
    observers = Observers([Failing(), listening])
    observers.scored(SCORED)
    observers.refused(REFUSED)
    assert listening.heard == [SCORED, REFUSED]


def test_a_failing_observer_is_logged_once_in_a_while(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    observers = Observers([Failing()])
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            observers.scored(SCORED)
        assert [record.getMessage() for record in caplog.records] == ["observer Failing failed"]
        later = time.monotonic() + QUIET_S
        monkeypatch.setattr("time.monotonic", lambda: later)
        observers.scored(SCORED)
    assert len(caplog.records) == 2


def test_observers_are_found_by_their_class() -> None:
    listening, failing = Listening(), Failing()
    observers = Observers([listening, failing])
    assert list(observers.of(Listening)) == [listening, failing]
    assert list(observers.of(Failing)) == [failing]


def test_all_observers_finish_when_the_service_ends() -> None:
    first, second = Listening(), Listening()
    observers = Observers([first, second])
    observers.refused(REFUSED)
    observers.close()
    assert first.heard == second.heard == []
