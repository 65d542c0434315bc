"""Every check of the schema fails for the row that it is there for, and for no good one."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from __package__.data_quality.validation import CHECKS, validate

LEAVES = datetime(2013, 7, 1, 12, tzinfo=UTC)

GOOD: dict[str, object] = {
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "scheduled_departure": LEAVES,
    "scheduled_arrival": LEAVES + timedelta(hours=3),
    "distance": 1400.0,
    "asked_at": LEAVES - timedelta(hours=1),
    "origin_temperature": 71.0,
    "origin_late_share_24h": 0.2,
}

BAD: dict[str, dict[str, object]] = {
    "the carrier is known": {"carrier": None},
    "the weather is known": {"origin_temperature": None},
    "the airport's last day is known": {"origin_late_share_24h": None},
    "it flies somewhere else": {"dest": "EWR"},
    "it arrives after its departure": {"scheduled_arrival": LEAVES},
    "its speed is possible": {"distance": 2500.0},
    "it has not left yet": {"asked_at": LEAVES + timedelta(minutes=1)},
    "it leaves within a year": {"asked_at": LEAVES - timedelta(days=366)},
    "the distance is flown": {
        "distance": 14.0,
        "scheduled_arrival": LEAVES + timedelta(minutes=15),
    },
    "it lasts less than a day": {
        "distance": 5000.0,
        "scheduled_arrival": LEAVES + timedelta(hours=25),
    },
}


def failed(row: dict[str, object]) -> set[str]:
    frame = pl.DataFrame({name: [value] for name, value in row.items()}).with_columns(
        pl.col("carrier", "origin", "dest").cast(pl.String),
        pl.col("origin_temperature", "origin_late_share_24h").cast(pl.Float32),
    )
    return {name for (_, name), count in validate(frame).failed.items() if count}


def test_a_good_row_fails_nothing() -> None:
    assert failed(GOOD) == set()


def test_there_is_a_bad_row_for_every_check() -> None:
    assert {name for _, name in CHECKS} == set(BAD)


@pytest.mark.parametrize("name", BAD)
def test_the_bad_row_fails_its_check_alone(name: str) -> None:
    assert failed({**GOOD, **BAD[name]}) == {name}
