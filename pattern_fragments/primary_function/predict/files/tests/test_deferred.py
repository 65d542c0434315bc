"""What is observed in bulk: everything, later, and never more than can be held."""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from __package__ import deferred as deferred_module
from __package__.deferred import Batch, Deferred
from __package__.gauges import Gauge
from __package__.observer import Refused, Scored


def scored(rows: int, first: int = 0, **changes: str) -> Scored:
    """A call of so many rows, whose inputs, features and predictions count on from `first`."""
    numbers = np.arange(first, first + rows)
    return Scored(
        id=changes.get("id", f"call{first}"),
        request_id="",
        time=float(first),
        columns={"number": numbers},
        features=np.stack([numbers, -numbers], 1).astype(np.float32),
        predictions=numbers.astype(np.float32),
        version=changes.get("version", "v1"),
        duration_s=0.0,
    )


class Listening:
    """Remembers, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.is_closed = False
        self.go_on = threading.Event()
        self.go_on.set()

    def observe(self, batch: Batch) -> None:
        self.go_on.wait(10)
        self.batches.append(batch)

    def close(self) -> None:
        self.is_closed = True

    @property
    def rows(self) -> int:
        return sum(len(batch) for batch in self.batches)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_calls_become_one_batch_in_their_order() -> None:
    listening = Listening()
    deferred = Deferred([listening], [], waits=False, every_s=3600)
    deferred.scored(scored(2))
    deferred.scored(scored(1, 2, version="v2"))
    deferred.refused(Refused(reason="overloaded", duration_s=0.0))
    deferred.flush()
    [batch] = listening.batches
    assert len(batch) == 3
    assert batch.ids == ["call0-0", "call0-1", "call2-0"]
    assert batch.versions == ["v1", "v1", "v2"]
    assert batch.times.tolist() == [0, 0, 2]
    assert batch.columns["number"].tolist() == [0, 1, 2]
    assert batch.features.tolist() == [[0, 0], [1, -1], [2, -2]]
    assert batch.predictions.tolist() == [0, 1, 2]
    assert batch.refused == {"overloaded": 1}
    deferred.close()


def test_what_is_held_is_observed_soon_and_by_another_thread() -> None:
    listening = Listening()
    deferred = Deferred([listening], [], waits=False, every_s=0.01)
    deferred.scored(scored(1))
    wait_until(lambda: listening.rows == 1)
    deferred.close()


def test_much_is_observed_at_once() -> None:
    listening = Listening()
    deferred = Deferred([listening], [], waits=False, every_s=3600, most_rows=10)
    deferred.scored(scored(6))
    wait_until(lambda: listening.rows == 6)
    deferred.close()


def test_rows_beyond_what_can_be_held_are_dropped_and_counted() -> None:
    listening, gauges = Listening(), list[Gauge]()
    listening.go_on.clear()
    deferred = Deferred([listening], gauges, waits=False, every_s=0.01, most_rows=10)
    for call in range(8):
        deferred.scored(scored(5, 5 * call))
    listening.go_on.set()
    deferred.close()
    [gauge] = gauges
    assert gauge.name == "observations_dropped_total"
    dropped = gauge.values()[()]
    assert isinstance(dropped, int)
    assert dropped >= 5
    assert listening.rows + dropped == 40
    assert sum(batch.dropped for batch in listening.batches) == dropped


def test_of_what_was_dropped_the_observers_are_told_once_though_nothing_came_since() -> None:
    listening = Listening()
    listening.go_on.clear()
    deferred = Deferred([listening], [], waits=False, every_s=3600, most_rows=1)
    for call in range(3):
        deferred.scored(scored(1, call))
    listening.go_on.set()
    for _ in range(2):
        deferred.flush()
    deferred.close()
    observed = sum(len(batch) for batch in listening.batches)
    assert sum(batch.dropped for batch in listening.batches) == 3 - observed > 0
    assert [batch.of("other").dropped for batch in listening.batches] == [
        batch.dropped for batch in listening.batches
    ]


def test_whoever_must_not_lose_a_row_waits_instead() -> None:
    listening, gauges = Listening(), list[Gauge]()
    deferred = Deferred([listening], gauges, waits=True, every_s=3600, most_rows=10)
    for call in range(20):
        deferred.scored(scored(7, 7 * call))
        assert listening.rows == 7 * (call + 1)
    deferred.close()
    assert [row for batch in listening.batches for row in batch.predictions] == list(range(140))
    assert gauges[0].values() == {(): 0}


def test_the_end_observes_the_rest_and_closes_the_observers() -> None:
    listening = Listening()
    deferred = Deferred([listening], [], waits=False, every_s=3600)
    deferred.scored(scored(3))
    deferred.close()
    assert listening.rows == 3
    assert listening.is_closed


def test_the_end_does_not_wait_for_an_observer_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deferred_module, "PATIENCE_S", 0.05)
    listening = Listening()
    listening.go_on.clear()
    deferred = Deferred([listening], [], waits=False, every_s=0.01)
    deferred.scored(scored(3))
    time.sleep(0.2)
    deferred.scored(scored(2))
    deferred.close()
    [record] = caplog.records
    assert vars(record)["rows"] == 2
    assert not listening.is_closed
    listening.go_on.set()


def test_an_observer_that_fails_is_logged_and_the_others_observe(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Listening):
        def observe(self, batch: Batch) -> None:
            raise OSError(f"no room for {len(batch)} rows")

    listening = Listening()
    deferred = Deferred([Failing(), listening], [], waits=False, every_s=3600)
    with caplog.at_level(logging.WARNING):
        for first in range(3):
            deferred.scored(scored(1, first))
            deferred.flush()
    deferred.close()
    assert listening.rows == 3
    assert [record.getMessage() for record in caplog.records] == ["observer Failing failed"]


def test_without_anything_to_observe_nobody_is_called() -> None:
    listening = Listening()
    deferred = Deferred([listening], [], waits=False)
    deferred.flush()
    deferred.close()
    assert listening.batches == []
