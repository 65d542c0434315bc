"""Bringing the features of entities up to date."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__ import refresh as refresh_module
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES, LONGEST_WINDOW
from __package__.feature_store.offline import snapshot_of
from __package__.feature_store.snapshot import FILE_NAME, Snapshot
from __package__.model_folder import ModelFolder
from __package__.refresh import main as refresh

from .conftest import needs_entities, write_newer


@needs_entities
def test_refresh_writes_a_snapshot_as_of_a_moment(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    moment = data.SMALL_PERIOD.split
    assert refresh([f"--as-of={moment.replace(tzinfo=None).isoformat()}"]) == 0
    assert f"as of {moment:%Y-%m-%d %H:%M} UTC" in capsys.readouterr().out
    snapshot = Snapshot.read(folder.path / FILE_NAME)
    assert snapshot.as_of == moment.timestamp()
    assert snapshot.data_as_of <= max(snapshot.newest.values()) <= moment.timestamp()


@needs_entities
def test_refresh_takes_the_newest_data_and_the_path_of_the_settings(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere" / "snapshot.json"
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    monkeypatch.setenv("SERVICE_SNAPSHOT_PATH", str(path))
    assert refresh([]) == 0
    assert Snapshot.read(path).data_as_of > data.SMALL_PERIOD.end.timestamp()


@needs_entities
def test_refresh_from_data_that_ended_long_ago_lacks_no_feature(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    events, behind = data.events, data_features()[0].events
    first_end = data.SMALL_PERIOD.end + LONGEST_WINDOW

    def ended(start: datetime, _: datetime) -> dict[str, pl.DataFrame]:
        tables = events(start, first_end + 0.9 * LONGEST_WINDOW)
        return tables | {behind: tables[behind].filter(pl.col("available_at") < first_end)}

    monkeypatch.setattr(data, "events", ended)
    assert refresh([]) == 0
    assert capsys.readouterr().err == ""
    assert Snapshot.read(folder.path / FILE_NAME).missing == []


@needs_entities
def test_refresh_needs_no_more_history_than_the_longest_window(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    moment, events = data.SMALL_PERIOD.end, data.events
    whole = events(data.PERIOD.start, moment + timedelta(seconds=1))
    snapshot_of(whole, folder.read_signature().inputs, moment).write(tmp_path / "whole.json")
    asked = []

    def recorded(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        asked.append(start)
        return events(start, end)

    monkeypatch.setattr(data, "events", recorded)
    assert refresh([f"--as-of={moment.isoformat()}"]) == 0
    assert asked == [moment - LONGEST_WINDOW]
    assert (folder.path / FILE_NAME).read_bytes() == (tmp_path / "whole.json").read_bytes()


@needs_entities
@pytest.mark.parametrize("arguments", [[], [f"--as-of={data.SMALL_PERIOD.split.isoformat()}"]])
def test_refresh_from_a_source_that_lost_its_events_is_refused(
    folder: ModelFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    events = data.events
    lost = next(iter(ENTITIES.values()))[0].events

    def without_one(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        found = events(start, end)
        return found | {lost: found[lost].clear()}

    monkeypatch.setattr(data, "events", without_one)
    assert_refused(folder, monkeypatch, arguments)
    assert f"the table {lost} holds no event" in capsys.readouterr().err


@needs_entities
def test_refresh_far_beyond_the_data_is_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = data.events(data.PERIOD.start, datetime.now(UTC))
    ends = max(frame["available_at"].max() for frame in newest.values())  # type: ignore[type-var]
    assert isinstance(ends, datetime)
    late = ends + LONGEST_WINDOW + timedelta(hours=1)
    assert_refused(folder, monkeypatch, [f"--as-of={late.isoformat()}"])
    assert "holds no event" in capsys.readouterr().err


@needs_entities
def test_features_whose_table_ends_too_early_are_named(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    moment, events = data.SMALL_PERIOD.split, data.events
    behind = data_features()[0].events

    def ended(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        tables = events(start, end)
        early = moment - 0.9 * LONGEST_WINDOW
        tables[behind] = tables[behind].filter(pl.col("available_at") < early)
        return tables

    assert refresh([f"--as-of={moment.isoformat()}"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(data, "events", ended)
    assert refresh([f"--as-of={moment.isoformat()}"]) == 0
    shortest = min(data_features(), key=lambda feature: (feature.events != behind, feature.window))
    assert shortest.name in capsys.readouterr().err


@needs_entities
def test_refresh_from_a_table_that_went_back_is_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_newer(folder.path / FILE_NAME, data.SMALL_PERIOD.end.timestamp())
    events, end = data.events, data.SMALL_PERIOD.end - timedelta(hours=6)
    monkeypatch.setattr(data, "events", lambda start, _: events(start, end))
    assert_refused(folder, monkeypatch, [])
    assert "give --as-of to go back" in capsys.readouterr().err


def data_features() -> list[EntityFeature]:
    return [feature for features in ENTITIES.values() for feature in features]


def assert_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    path = folder.path / FILE_NAME
    before = path.read_bytes()
    assert refresh(arguments) == 1
    assert path.read_bytes() == before


def test_a_domain_without_histories_has_nothing_to_refresh(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    monkeypatch.setattr(refresh_module, "ENTITIES", nothing)
    assert_refused(folder, monkeypatch, [])
    assert "there is none to refresh" in capsys.readouterr().err


def test_refresh_without_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(tmp_path))
    assert refresh([]) == 1
    assert "holds no model" in capsys.readouterr().err


def test_a_moment_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        refresh(["--as-of=yesterday"])
    assert "'yesterday' is no moment such as 2013-07-01T12:00" in capsys.readouterr().err
