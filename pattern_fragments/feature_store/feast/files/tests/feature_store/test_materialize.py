"""Bringing the online store up to date: a little at a time, and again after a crash."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from __package__ import materialize as command
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES, LONGEST_WINDOW
from __package__.feature_store.grid import last_moment, moment_before
from __package__.feature_store.readers import SqliteReader
from __package__.feature_store.tables import (
    ONLINE_FILE,
    FeatureTables,
    read_tables,
)
from __package__.feature_store.versions import freshness_view, view_of
from __package__.materialize import main
from __package__.model_folder import ModelFolder
from __package__.signature import Signature

from .conftest import needs_entities
from .stores import small_events, write_features

pytestmark = pytest.mark.slow

Moments = Callable[[datetime], None]

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


def settle(folder: Path, model: ModelFolder, patch: pytest.MonkeyPatch) -> Path:
    """Let the settings name stores below a folder; the online one, which is a file."""
    online = folder / "online" / "features.db"
    patch.setenv("SERVICE_MODEL_DIR", str(model.path))
    patch.setenv("SERVICE_OFFLINE_STORE", str(folder / "offline"))
    patch.setenv("SERVICE_ONLINE_STORE", str(online))
    return online


@pytest.fixture
def store(tmp_path: Path, folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An online store in a file of its own; the settings name it."""
    return settle(tmp_path, folder, monkeypatch)


def materialize(moment: datetime) -> int:
    return main([f"--as-of={moment.isoformat()}"])


@pytest.fixture(scope="module")
def first_run(
    model_folder: ModelFolder, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[datetime], Path]:
    """A folder with the stores that a first run leaves; one run for each moment."""

    @cache
    def run(moment: datetime) -> Path:
        folder = tmp_path_factory.mktemp("first")
        with pytest.MonkeyPatch.context() as patch:
            settle(folder, model_folder, patch)
            assert materialize(moment) == 0
        return folder

    return run


@pytest.fixture
def begin(store: Path, tmp_path: Path, first_run: Callable[[datetime], Path]) -> Moments:
    """Put copies of those stores where the settings name them."""

    def copy(moment: datetime) -> None:
        assert not store.exists()
        shutil.copytree(first_run(moment), tmp_path, dirs_exist_ok=True)

    return copy


@pytest.fixture(scope="module")
def fresh(
    signature: Signature, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[datetime], FeatureTables]:
    """What a store holds that was made at once."""
    path = tmp_path_factory.mktemp("fresh") / "features.db"

    @cache
    def at(moment: datetime) -> FeatureTables:
        write_features(path, small_events(), moment.timestamp())
        return read_tables(SqliteReader(path), signature.inputs)

    return at


@pytest.fixture
def assert_holds(
    store: Path, signature: Signature, fresh: Callable[[datetime], FeatureTables]
) -> Moments:
    """The store holds what one that was made at once would."""

    def check(moment: datetime) -> None:
        found, expected = read_tables(SqliteReader(store), signature.inputs), fresh(moment)
        assert (found.as_of, found.newest) == (expected.as_of, expected.newest)
        for entity, table in expected.tables.items():
            np.testing.assert_array_equal(found.tables[entity], table)

    return check


@needs_entities
def test_each_run_adds_the_rows_that_are_missing(
    assert_holds: Moments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for moment in (MOMENT - 3 * HOUR, MOMENT):
        assert materialize(moment) == 0
        assert f"as of {moment:%Y-%m-%d %H:%M} UTC; arrivals until" in capsys.readouterr().out
        assert_holds(moment)
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
    place: str, store: Path, begin: Moments, assert_holds: Moments, tmp_path: Path
) -> None:
    begin(MOMENT - 2 * HOUR)
    killed = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-W", "ignore", "-c", KILLED, place, f"--as-of={MOMENT.isoformat()}"],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    # What readers go by is still the moment before.
    assert read_tables(SqliteReader(store), ()).as_of == (MOMENT - 2 * HOUR).timestamp()
    assert materialize(MOMENT) == 0
    assert_holds(MOMENT)
    assert last_moment(tmp_path / "offline") == MOMENT.timestamp()
    assert not list((tmp_path / "offline").glob(".registry*"))


@needs_entities
@pytest.mark.parametrize("minutes", [0, 30])
def test_a_first_run_counts_all_that_the_longest_window_holds(
    minutes: int, assert_holds: Moments
) -> None:
    assert materialize(MOMENT + timedelta(minutes=minutes)) == 0
    assert_holds(MOMENT)


@needs_entities
@pytest.mark.parametrize("hours", [0, 2])
def test_an_offline_store_that_went_away_is_begun_again(
    hours: int, begin: Moments, assert_holds: Moments, tmp_path: Path
) -> None:
    """Also when the online store lacks nothing: a pod's folder goes with it, and a retry comes."""
    begin(MOMENT)
    shutil.rmtree(tmp_path / "offline")
    assert materialize(MOMENT + hours * HOUR) == 0
    assert_holds(MOMENT + hours * HOUR)
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
@pytest.mark.parametrize("lives", [True, False])
def test_events_of_today_count_beyond_a_silent_table_and_a_record_of_the_past_ends_with_it(
    lives: bool, store: Path, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = sorted({feature.events for features in ENTITIES.values() for feature in features})
    shift = datetime.now(UTC) - data.SMALL_PERIOD.end if lives else timedelta(0)
    silence = timedelta(hours=9)

    def events(_start: datetime, _end: datetime) -> dict[str, pl.DataFrame]:
        ended = data.SMALL_PERIOD.end - silence
        found = data_events(data.SMALL_PERIOD.start, data.SMALL_PERIOD.end)
        known = {**found, tables[0]: found[tables[0]].filter(pl.col("available_at") < ended)}
        moved = pl.col("available_at") + shift
        return {table: frame.with_columns(moved) for table, frame in known.items()}

    data_events = data.events
    monkeypatch.setattr(data, "events", events)
    assert main([]) == 0
    as_of = read_tables(SqliteReader(store), signature.inputs).as_of
    newest = [frame["available_at"].max() for frame in events(MOMENT, MOMENT).values()]
    ends = sorted(end.timestamp() for end in newest if isinstance(end, datetime))
    behind = len(tables) > 1 and not lives
    assert as_of == moment_before(ends[0] if behind else ends[-1])


@needs_entities
def test_a_source_that_lost_its_events_changes_nothing(
    store: Path,
    begin: Moments,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin(MOMENT)
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
    begin: Moments, assert_holds: Moments, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(MOMENT)
    assert materialize(MOMENT - HOUR) == 1
    assert "does not go back" in capsys.readouterr().err
    assert materialize(MOMENT) == 0
    assert_holds(MOMENT)


@needs_entities
@pytest.mark.parametrize("back", [HOUR, 30 * 24 * HOUR])
def test_an_empty_store_is_not_brought_to_a_moment_before_the_offline_store(
    back: timedelta, store: Path, begin: Moments, capsys: pytest.CaptureFixture[str]
) -> None:
    """The row of that moment is not there to be copied, and success would be a lie."""
    begin(MOMENT)
    store.unlink()
    assert materialize(MOMENT - back) == 1
    said = capsys.readouterr()
    assert f"the offline store holds features as of {MOMENT:%Y-%m-%d %H:%M} UTC" in said.err
    assert not said.out
    assert not store.exists()


@needs_entities
def test_what_was_written_is_read_back_before_success_is_told(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.parent.mkdir()
    monkeypatch.setattr(command, "_write_online", lambda *_: store.touch())
    assert materialize(MOMENT) == 1
    said = capsys.readouterr()
    assert f"{store} does not hold what was written for {MOMENT:%Y-%m-%d %H:%M}" in said.err
    assert not said.out


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
