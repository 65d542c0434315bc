"""The flights' own rules: times, labels, and nothing from the future."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__.columns import UNKNOWN, Encoder
from __package__.domain import data, model
from __package__.domain.asking import asked_at
from __package__.domain.features import (
    INPUTS,
    request_features,
)
from __package__.feature_store.offline import point_in_time
from __package__.training.dataset import load

START, END = datetime(2013, 1, 5, tzinfo=UTC), datetime(2013, 1, 15, tzinfo=UTC)
ASKED_AT = asked_at(pl.col("scheduled_departure"))
SCHEDULE = ("zone", "scheduled_departure", "scheduled_arrival")


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    """The flights of some days of January, with their times in UTC."""
    return data.with_schedule(data.flights().filter((pl.col("month") == 1) & (pl.col("day") <= 16)))


@pytest.fixture(scope="module")
def weather() -> pl.DataFrame:
    """The weather of January."""
    return data.weather().filter(pl.col("month") == 1)


@pytest.fixture(scope="module")
def examples() -> pl.DataFrame:
    """What the model would learn from those days."""
    return data.examples(data.PERIOD.start, END)


def test_a_label_is_known_from_the_landing_on(examples: pl.DataFrame) -> None:
    example = examples.row(0, named=True)
    assert example["scheduled_departure"] == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    assert example["scheduled_arrival"] == datetime(2013, 1, 1, 14, 19, tzinfo=UTC)
    assert example["labelled_at"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert example["label"] == 0.0


@pytest.mark.parametrize("zone", ["America/New_York", "America/Chicago", "Pacific/Honolulu"])
def test_the_landing_agrees_with_the_clock_at_the_destination(
    flights: pl.DataFrame, zone: str
) -> None:
    landed = flights.filter((pl.col("zone") == zone) & pl.col("arr_delay").is_not_null())
    clock = (landed["scheduled_arrival"] + landed["arr_delay"] * timedelta(minutes=1)).dt
    local = clock.convert_time_zone(zone).dt
    shown = local.hour().cast(pl.Int64) * 100 + local.minute().cast(pl.Int64)
    assert (shown == landed["arr_time"] % 2400).all()


def test_a_flight_without_a_landing_has_no_label(
    flights: pl.DataFrame, examples: pl.DataFrame
) -> None:
    scheduled = flights.filter(pl.col("scheduled_departure") < END)
    assert scheduled["arr_delay"].null_count() > 0
    assert len(examples) == scheduled["arr_delay"].count()


def test_every_destination_has_a_zone(flights: pl.DataFrame) -> None:
    assert flights["zone"].null_count() == 0
    assert set(data.MISSING_ZONES) <= set(flights["dest"])


def test_request_features_are_what_their_names_say() -> None:
    row = {column.name: column.example for column in INPUTS}
    features = request_features(Encoder(INPUTS).rows([row]))
    assert features["second_of_day"] == (7 * 60 + 15) * 60
    assert features["weekday"] == 4
    assert features["scheduled_seconds"] == (3 * 60 + 30) * 60


def test_the_model_learns_what_to_make_of_an_unknown_destination() -> None:
    """From its name alone: it is no neighbour of the first or the last that is known."""
    dataset = load(data.SMALL_PERIOD)
    dest = dataset.columns["dest"]
    codes = np.unique(dest[dest != UNKNOWN])
    rows = dataset.is_train
    alone = request_features(dataset.columns)["dest"].astype(np.float32)[:, None]
    fitted = model.fit(alone[rows], dataset.labels[rows], seed=0)
    unknown, first, last = model.predict(
        fitted, np.array([[np.nan], [codes[0]], [codes[-1]]], np.float32)
    )
    assert np.isnan(alone[dest == UNKNOWN]).all()
    assert unknown != pytest.approx(first)
    assert unknown != pytest.approx(last)


def test_no_feature_sees_the_future(
    flights: pl.DataFrame, weather: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changed_features(flights, weather, monkeypatch, leak=False) == 0


def test_a_leaked_departure_delay_is_found(
    flights: pl.DataFrame, weather: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changed_features(flights, weather, monkeypatch, leak=True) > 0


def changed_features(
    flights: pl.DataFrame, weather: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, *, leak: bool
) -> int:
    """How many features of some flights change when what happens after their cut is taken away."""
    inputs = tuple(
        msgspec.structs.replace(column, categories=tuple(flights[column.name].unique().sort()))
        if column.type == "category"
        else column
        for column in INPUTS
    )
    sample = flights.filter(pl.col("scheduled_departure").is_between(START, END)).gather_every(500)
    sample = sample.with_columns(pl.col("distance").cast(pl.Float64))
    columns = Encoder(inputs).columns(
        {column.name: sample[column.name].to_list() for column in inputs}
    )
    cuts = sample.select(ASKED_AT.dt.epoch("s")).to_series().to_numpy()

    def features(world: pl.DataFrame, air: pl.DataFrame, rows: slice) -> np.ndarray:
        monkeypatch.setattr(data, "landings", lambda: data.landed(world.drop(SCHEDULE)))
        monkeypatch.setattr(data, "weather", lambda: air)
        events = data.events(START - timedelta(days=8), END)
        if leak:
            events["arrivals"] = leaked(world)
        chosen = {name: values[rows] for name, values in columns.items()}
        return np.hstack(list(point_in_time(events, inputs, chosen, cuts[rows]).values()))

    whole = features(flights, weather, slice(None))
    changed = 0
    for row, moment in enumerate(cuts.tolist()):
        world = as_known_at(datetime.fromtimestamp(moment, UTC), flights, weather)
        known = features(*world, slice(row, row + 1))
        changed += int((~np.isclose(whole[row], known[0], rtol=0, atol=0, equal_nan=True)).sum())
    return changed


def as_known_at(
    now: datetime, flights: pl.DataFrame, weather: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The raw data of the day `now`: nothing of a departure, a landing or an hour yet to come."""

    def until(time: str, delay: str, *names: str) -> list[pl.Expr]:
        happened = pl.col(time) + pl.duration(minutes=delay) <= now
        return [pl.when(happened).then(pl.col(name)).alias(name) for name in names]

    return (
        flights.with_columns(
            *until("scheduled_departure", "dep_delay", "dep_time", "dep_delay"),
            *until("scheduled_arrival", "arr_delay", "arr_time", "arr_delay", "air_time"),
        ),
        weather.filter(
            pl.col("time_hour").str.to_datetime(time_zone="UTC") + timedelta(minutes=75) <= now
        ),
    )


def leaked(flights: pl.DataFrame) -> pl.DataFrame:
    """Departure delays as if they were known when the prediction is asked for."""
    return flights.filter(pl.col("dep_delay").is_not_null()).select(
        "origin",
        "carrier",
        "dest",
        late=(pl.col("dep_delay") > data.LATE_MINUTES).cast(pl.Float64),
        available_at=ASKED_AT,
    )
