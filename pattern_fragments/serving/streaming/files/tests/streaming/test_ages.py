"""The age of an event: from what it says, bounded by when it arrived."""

from datetime import UTC, datetime

import pytest

from __package__.streaming.ages import age_s, has_wrong_time
from __package__.streaming.batch import Asked
from __package__.streaming.broker import Message
from __package__.streaming.dead_letters import REPLAYED
from __package__.streaming.events import decode

from .conftest import event

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
YEAR_S = 365 * 86400.0


def asked(said_s: float | None, arrived_s: float | None, *headers: str) -> Asked:
    """An event that says it happened, and arrived, so many seconds ago."""
    time = None if said_s is None else datetime.fromtimestamp(NOW - said_s, UTC)
    body = event("e", {}, time=time).body
    arrived = None if arrived_s is None else NOW - arrived_s
    message = Message("1", body, dict.fromkeys(headers, ""), arrived=arrived)
    return Asked(message, decode(body, 10_000))


@pytest.mark.parametrize(
    ("said_s", "arrived_s", "expected"),
    [
        (90, 5, 90),
        (5, 90, 90),
        (-240, 90, 90),
        (-240, None, 0),
        (None, 90, 90),
        (None, None, None),
        (-600, 90, 90),
        (-600, None, None),
        (100 * YEAR_S, 90, 90),
        (90, 56 * YEAR_S, 90),
        (56 * YEAR_S, 56 * YEAR_S, None),
    ],
)
def test_it_is_the_greater_of_what_it_says_and_its_stay_as_far_as_both_can_be(
    said_s: float | None, arrived_s: float | None, expected: float | None
) -> None:
    assert age_s(asked(said_s, arrived_s), NOW) == expected


def test_of_a_replayed_event_only_the_arrival_counts() -> None:
    assert age_s(asked(9000, 90, REPLAYED), NOW) == 90


@pytest.mark.parametrize(
    ("said_s", "is_wrong"),
    [
        (None, False),
        (5, False),
        (30 * 86400, False),
        (-240, False),
        (-600, True),
        (2 * YEAR_S, True),
    ],
)
def test_a_time_minutes_ahead_or_more_than_a_year_ago_is_wrong(
    said_s: float | None, is_wrong: bool
) -> None:
    assert has_wrong_time(asked(said_s, 1), NOW) is is_wrong
