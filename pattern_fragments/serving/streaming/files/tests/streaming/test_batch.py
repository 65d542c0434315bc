"""A batch: scored in one call, judged one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from __package__.columns import Columns, InvalidInput, Problem
from __package__.observer import Scored
from __package__.scoring import Scorer
from __package__.service import Service
from __package__.streaming.batch import EventScorer
from __package__.streaming.broker import Message

from .conftest import Row, event


class Picky(Scorer):
    """Counts its calls, and fails when a call holds a row of a distance it does not like."""

    def __init__(self, scorer: Scorer, *distances: float) -> None:
        self._inner = scorer
        self._distances = distances
        self.calls: list[int] = []

    def encode_rows(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        return self._inner.encode_rows(rows)

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        self.calls.append(len(ids))
        if set(columns["distance"].tolist()) & set(self._distances):
            raise RuntimeError("no")
        return self._inner.score(columns, ids)


class Strict(Picky):
    """Refuses such rows, and no others."""

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        problems = [
            Problem(row, "speed", "is too much")
            for row, distance in enumerate(columns["distance"].tolist())
            if distance in self._distances
        ]
        if problems:
            self.calls.append(len(ids))
            raise InvalidInput(problems)
        return super().score(columns, ids)


def messages(rows: Sequence[Row]) -> list[Message]:
    return [Message(str(n), event(f"e{n}", row).body, {}) for n, row in enumerate(rows)]


def test_a_batch_is_scored_in_one_call_and_keeps_its_order(service: Service, row: Row) -> None:
    picky = Picky(service.scorer)
    rows = [row | {"distance": 100.0 + number} for number in range(50)]
    outcome = EventScorer(replace(service, scorer=picky)).score(messages(rows))
    assert picky.calls == [50]
    assert [asked.event.id for asked in outcome.answered] == [f"e{n}" for n in range(50)]
    ids = [asked.event.prediction_id for asked in outcome.answered]
    assert [prediction.key for prediction in outcome.predictions] == ids
    assert [outcome.scored[0].prediction_id(n) for n in range(50)] == ids


@pytest.mark.parametrize("place", [0, 13, 31])
def test_one_bad_event_among_many_is_found_in_a_few_calls(
    service: Service, row: Row, place: int
) -> None:
    picky = Picky(service.scorer, 777.0)
    rows = [row] * 32
    rows[place] = row | {"distance": 777.0}
    outcome = EventScorer(replace(service, scorer=picky)).score(messages(rows))
    assert [message.position for message, _ in outcome.failed] == [str(place)]
    assert len(outcome.answered) == 31
    assert len(picky.calls) <= 11


def test_events_that_scoring_refuses_are_dead_letters_and_the_others_are_answered_in_their_order(
    service: Service, row: Row
) -> None:
    picky = Strict(service.scorer, 777.0)
    rows = [row | {"distance": 777.0 if number % 2 else 100.0} for number in range(250)]
    rows[0] = row | {"distance": "far"}
    outcome = EventScorer(replace(service, scorer=picky)).score(messages(rows))
    details = {hopeless.message.position: hopeless.detail for hopeless in outcome.hopeless}
    assert {hopeless.reason for hopeless in outcome.hopeless} == {"invalid_input"}
    assert details.keys() == {str(number) for number in range(250) if number % 2 or not number}
    assert details["1"] == "speed is too much"
    evens = [f"e{number}" for number in range(2, 250, 2)]
    assert [asked.event.id for asked in outcome.answered] == evens
    ids = [asked.event.prediction_id for asked in outcome.answered]
    assert [prediction.key for prediction in outcome.predictions] == ids
    assert not outcome.failed
    assert len(picky.calls) == 2


def test_where_everything_fails_the_search_for_one_culprit_is_given_up(
    service: Service, row: Row
) -> None:
    picky = Picky(service.scorer, float(row["distance"]))
    outcome = EventScorer(replace(service, scorer=picky)).score(messages([row] * 32))
    assert len(outcome.failed) == 32
    assert picky.calls == [32, 16, 16]


def test_more_wrong_rows_than_are_reported_at_once_are_all_found(
    service: Service, row: Row
) -> None:
    rows = [row, *[row | {"distance": "far"}] * 250, row]
    outcome = EventScorer(service).score(messages(rows))
    assert len(outcome.answered) == 2
    assert {hopeless.reason for hopeless in outcome.hopeless} == {"invalid_input"}
    assert len(outcome.hopeless) == 250


def test_the_same_event_has_the_same_prediction_id_and_another_source_another_one(
    service: Service, row: Row
) -> None:
    bodies = [event("e", row).body, event("e", row).body, event("e", row, source="other").body]
    batch = [Message(str(number), body, {}) for number, body in enumerate(bodies)]
    outcome = EventScorer(service).score(batch)
    first, second, third = [prediction.key for prediction in outcome.predictions]
    assert first == second != third
