"""Bringing the online store up to date: a little at a time, and again after a crash."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from __package__ import materialize as command
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES, LONGEST_WINDOW
from __package__.feature_store.grid import last_moment
from __package__.feature_store.readers import SqliteReader
from __package__.feature_store.tables import ONLINE_FILE, read_tables
from __package__.feature_store.versions import freshness_view, view_of
from __package__.materialize import main
from __package__.model_folder import ModelFolder
from __package__.signature import Signature

from .conftest import needs_entities
from .stores import small_events, write_features

MOMENT = data.SMALL_PERIOD.split
HOUR = timedelta(hours=1)

KILLED = """
import os, signal, sys
from __package__ import materialize
from __package__.feature_store import grid

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv.pop(1) == "before all rows are in the offline store":
    grid._freshness_at = killed
else:
    from __package__.feature_store import materialization
    materialization.freshness_view = killed
sys.exit(materialize.main(sys.argv[1:]))
"""


@pytest.fixture
def store(tmp_path: Path, folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An online store in a file of its own; the settings name it."""
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    monkeypatch.setenv("SERVICE_OFFLINE_STORE", str(tmp_path / "offline"))
    monkeypatch.setenv("SERVICE_ONLINE_STORE", str(tmp_path / "online" / "features.db"))
    return tmp_path / "online" / "features.db"


def materialize(moment: datetime) -> int:
    return main([f"--as-of={moment.isoformat()}"])


def assert_holds(store: Path, moment: datetime, signature: Signature) -> None:
    """The store holds what one that was made at once would."""
    fresh = store.with_name("fresh.db")
    write_features(fresh, small_events(), moment.timestamp())
    found, expected = (read_tables(SqliteReader(one), signature.inputs) for one in (store, fresh))
    assert (found.as_of, found.newest) == (expected.as_of, expected.newest)
    for entity, table in expected.tables.items():
        np.testing.assert_array_equal(found.tables[entity], table)


@needs_entities
def test_each_run_adds_the_rows_that_are_missing(
    store: Path, signature: Signature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for moment in (MOMENT - 3 * HOUR, MOMENT):
        assert materialize(moment) == 0
        assert f"as of {moment:%Y-%m-%d %H:%M} UTC; arrivals until" in capsys.readouterr().out
        assert_holds(store, moment, signature)
    for view in (*map(view_of, ENTITIES), freshness_view()):
        rows = pl.read_parquet(tmp_path / "offline" / view / "*.parquet")
        moments = rows["event_timestamp"].unique().sort().to_list()
        assert moments == [MOMENT - hours * HOUR for hours in (3, 2, 1, 0)]
        assert not rows.is_duplicated().any()


@needs_entities
@pytest.mark.parametrize(
    "place", ["before all rows are in the offline store", "before all are in the online store"]
)
def test_a_run_that_was_killed_is_simply_run_again(
    place: str, store: Path, signature: Signature, tmp_path: Path
) -> None:
    assert materialize(MOMENT - 2 * HOUR) == 0
    killed = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-W", "ignore", "-c", KILLED, place, f"--as-of={MOMENT.isoformat()}"],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    # What readers go by is still the moment before.
    assert read_tables(SqliteReader(store), ()).as_of == (MOMENT - 2 * HOUR).timestamp()
    assert materialize(MOMENT) == 0
    assert_holds(store, MOMENT, signature)
    assert last_moment(tmp_path / "offline") == MOMENT.timestamp()


@needs_entities
@pytest.mark.parametrize("minutes", [0, 30])
def test_a_first_run_counts_all_that_the_longest_window_holds(
    minutes: int, store: Path, signature: Signature
) -> None:
    assert materialize(MOMENT + timedelta(minutes=minutes)) == 0
    assert_holds(store, MOMENT, signature)


@needs_entities
@pytest.mark.parametrize("hours", [0, 2])
def test_an_offline_store_that_went_away_is_begun_again(
    hours: int, store: Path, signature: Signature, tmp_path: Path
) -> None:
    """Also when the online store lacks nothing: a pod's folder goes with it, and a retry comes."""
    assert materialize(MOMENT) == 0
    shutil.rmtree(tmp_path / "offline")
    assert materialize(MOMENT + hours * HOUR) == 0
    assert_holds(store, MOMENT + hours * HOUR, signature)
    assert last_moment(tmp_path / "offline") == (MOMENT + hours * HOUR).timestamp()
    assert not [*(tmp_path / "offline").rglob("partial")]


@needs_entities
def test_an_entity_that_falls_silent_loses_its_features(
    store: Path, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity, features = next(iter(ENTITIES.items()))
    column = next(column for column in signature.inputs if column.name == entity)
    silent, events = column.categories[0], data.events

    def without_one(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        heard = (pl.col("available_at") <= MOMENT) | (pl.col(entity) != silent)
        return {
            name: frame.filter(heard) if entity in frame.columns else frame
            for name, frame in events(start, end).items()
        }

    monkeypatch.setattr(data, "events", without_one)
    assert materialize(MOMENT) == 0
    assert np.isfinite(read_tables(SqliteReader(store), [column]).tables[entity][0]).any()
    assert materialize(MOMENT + LONGEST_WINDOW + HOUR) == 0
    table = read_tables(SqliteReader(store), [column]).tables[entity]
    np.testing.assert_array_equal(table[0], table[-1])
    assert len(features) == table.shape[1]


@needs_entities
def test_without_a_setting_it_is_the_file_beside_the_model(
    folder: ModelFolder, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVICE_ONLINE_STORE")
    end = data.SMALL_PERIOD.end + 5 * HOUR
    assert materialize(end) == 0
    assert read_tables(SqliteReader(folder.path / ONLINE_FILE), ()).as_of == end.timestamp()
    assert not store.exists()


@needs_entities
def test_the_newest_event_says_up_to_when(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, end = data.events, data.SMALL_PERIOD.end + timedelta(hours=2, minutes=30)
    monkeypatch.setattr(data, "events", lambda start, _: events(start, end))
    assert main([]) == 0
    assert read_tables(SqliteReader(store), ()).as_of == (end - timedelta(minutes=30)).timestamp()


@needs_entities
def test_a_source_that_lost_its_events_changes_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert materialize(MOMENT) == 0
    before, events = store.read_bytes(), data.events
    lost = next(iter(ENTITIES.values()))[0].events
    monkeypatch.setattr(
        data, "events", lambda *period: {**events(*period), lost: events(*period)[lost].clear()}
    )
    assert materialize(MOMENT + HOUR) == 1
    assert f"the table {lost} holds no event" in capsys.readouterr().err
    monkeypatch.setattr(data, "events", lambda start, _: events(start, MOMENT - HOUR))
    assert materialize(MOMENT + HOUR) == 1
    assert "and did end at" in capsys.readouterr().err
    assert store.read_bytes() == before


@needs_entities
def test_the_store_does_not_go_back(
    store: Path, signature: Signature, capsys: pytest.CaptureFixture[str]
) -> None:
    assert materialize(MOMENT) == 0
    assert materialize(MOMENT - HOUR) == 1
    assert "does not go back" in capsys.readouterr().err
    assert materialize(MOMENT) == 0
    assert_holds(store, MOMENT, signature)


@needs_entities
def test_two_runs_at_once_do_not_meet(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "offline").mkdir()
    with (tmp_path / "offline" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert materialize(MOMENT) == 1
    assert "another materialisation works on" in capsys.readouterr().err
    assert not store.exists()


@needs_entities
@pytest.mark.usefixtures("store")
def test_a_redis_that_is_away_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_ONLINE_STORE", "redis://:secret@127.0.0.1:1")
    assert materialize(MOMENT) == 1
    said = capsys.readouterr().err
    assert "Redis at 127.0.0.1 does not answer" in said
    assert "secret" not in said
    assert len(said.splitlines()) == 1


def test_a_domain_without_histories_has_nothing_to_materialize(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    monkeypatch.setattr(command, "ENTITIES", nothing)
    assert main([]) == 1
    assert "no feature comes from an entity's history" in capsys.readouterr().err
    assert not os.path.lexists(store)
