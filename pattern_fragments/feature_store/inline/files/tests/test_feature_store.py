"""The features of entities: as they were, as they are, and both the same."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__ import feature_matrix
from __package__ import refresh as refresh_module
from __package__.columns import UNKNOWN, Encoder
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES, LONGEST_WINDOW
from __package__.feature_store import offline, online
from __package__.feature_store.offline import history_of, snapshot_of
from __package__.feature_store.online import InlineFeatureSource
from __package__.feature_store.snapshot import FILE_NAME, Snapshot
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.refresh import main as refresh
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.training.dataset import load

HISTORY = {
    "trips": pl.DataFrame(
        {
            "available_at": [datetime(2020, 1, 1, hour, tzinfo=UTC) for hour in (3, 1, 2, 2, 2)],
            "shop": ["a", "a", "a", "b", "a"],
            "late": [None, 1.0, 4.0, 8.0, float("nan")],
        }
    )
}


def feature(statistic: str, hours: int) -> list[float]:
    """The feature of the shops a, b and of an unknown one, at 03:00."""
    definition = EntityFeature("f", "shop", "trips", "late", statistic, hours * 3600)  # type: ignore[arg-type]
    cut = int(datetime(2020, 1, 1, 3, tzinfo=UTC).timestamp())
    rows = history_of([definition], HISTORY, ("a", "b"), np.array([0, 1, UNKNOWN]), np.full(3, cut))
    return [float(value) for value in rows[:, 0]]


@pytest.mark.parametrize(
    ("statistic", "hours", "expected"),
    [
        ("mean", 3, [2.5, 8.0, np.nan]),
        ("mean", 2, [4.0, 8.0, np.nan]),
        ("mean", 1, [np.nan, np.nan, np.nan]),
        ("last", 3, [4.0, 8.0, np.nan]),
        ("last", 1, [np.nan, np.nan, np.nan]),
        ("count", 3, [2.0, 1.0, 0.0]),
    ],
)
def test_a_window_is_open_at_its_start_and_closed_at_its_cut(
    statistic: str, hours: int, expected: list[float]
) -> None:
    np.testing.assert_array_equal(feature(statistic, hours), expected)


needs_entities = pytest.mark.skipif(not ENTITIES, reason="no feature comes from a history")


def wait_until(condition: Callable[[], bool]) -> None:
    """A snapshot is reloaded in a thread: wait for what should come of it."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def write_newer(path: Path, moment: float) -> None:
    """Replace the snapshot at `path` by one whose tables all end at `moment`."""
    old = Snapshot.read(path)
    newest = dict.fromkeys(old.newest, moment)
    msgspec.structs.replace(old, as_of=moment, newest=newest).write(path)


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the model that a test may change."""
    return ModelFolder(Path(shutil.copytree(model_folder.path, tmp_path / "model")))


def source(folder: ModelFolder, gauges: list[Gauge]) -> InlineFeatureSource:
    settings = Settings(model_dir=folder.path, snapshot_reload_s=0)
    return InlineFeatureSource(folder.read_signature(), folder, settings, gauges)


@needs_entities
def test_serving_sees_what_training_saw(folder: ModelFolder) -> None:
    """The same rows through both: the features as of their cut are equal in every bit."""
    period = data.SMALL_PERIOD
    dataset = load(period)
    examples = data.examples(period.start, period.end)
    compared = 0
    for cut in np.unique(dataset.cuts)[50::400].tolist():
        rows = np.flatnonzero(dataset.cuts == cut)
        moment = datetime.fromtimestamp(cut, UTC)
        snapshot_of(dataset.events, dataset.inputs, moment).write(folder.path / FILE_NAME)
        names = [column.name for column in dataset.inputs]
        requests = msgspec.json.decode(
            msgspec.json.encode(examples[rows.tolist()].select(names).to_dicts())
        )
        served = source(folder, []).features(Encoder(dataset.inputs).rows(requests))
        np.testing.assert_array_equal(served, dataset.features[rows])
        compared += len(rows)
    assert compared > 5


@needs_entities
def test_an_entity_that_training_has_not_seen_gets_the_features_of_none(
    folder: ModelFolder, signature: Signature
) -> None:
    tables = Snapshot.read(folder.path / FILE_NAME).tables(signature.inputs)
    assert set(tables) == set(ENTITIES)
    for column in signature.inputs:
        if column.name in tables:
            statistics = [feature.statistic for feature in ENTITIES[column.name]]
            nothing = [0.0 if statistic == "count" else np.nan for statistic in statistics]
            assert len(tables[column.name]) == len(column.categories) + 1
            np.testing.assert_array_equal(tables[column.name][-1], nothing)


@needs_entities
def test_a_newer_snapshot_is_picked_up(folder: ModelFolder) -> None:
    gauges: list[Gauge] = []
    inline = source(folder, gauges)
    path = folder.path / FILE_NAME
    write_newer(path, time.time() - 60)
    (age,) = gauges
    assert age.name == "feature_age_seconds"
    wait_until(lambda: 60 <= age.read() < 90)
    assert inline.as_of() == Snapshot.read(path).data_as_of


@needs_entities
def test_the_age_is_that_of_the_table_furthest_behind(folder: ModelFolder) -> None:
    path = folder.path / FILE_NAME
    found = Snapshot.read(path)
    msgspec.structs.replace(found, newest={"fresh": time.time(), "behind": 5.0}).write(path)
    gauges: list[Gauge] = []
    assert source(folder, gauges).as_of() == 5
    assert gauges[0].read() == pytest.approx(time.time() - 5, abs=60)


@needs_entities
def test_requests_are_answered_while_a_snapshot_is_read(
    folder: ModelFolder, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline = source(folder, [])
    before = inline.as_of()
    write_newer(folder.path / FILE_NAME, before + 1)
    reading, go_on = threading.Event(), threading.Event()
    read = Snapshot.read

    def slowly(path: Path) -> Snapshot:
        reading.set()
        go_on.wait(10)
        return read(path)

    monkeypatch.setattr(Snapshot, "read", slowly)
    columns = Encoder(signature.inputs).rows([signature.example])
    wait_until(lambda: len(inline.features(columns)) == 1 and reading.is_set())
    reading.clear()
    assert inline.as_of() == before
    assert not reading.is_set(), "it is read once, not by every request"
    go_on.set()
    wait_until(lambda: inline.as_of() == before + 1)


@needs_entities
def test_a_snapshot_is_looked_at_once_in_a_while_only(
    folder: ModelFolder, signature: Signature
) -> None:
    settings = Settings(model_dir=folder.path, snapshot_reload_s=3600)
    inline = InlineFeatureSource(signature, folder, settings, [])
    before = inline.as_of()
    write_newer(folder.path / FILE_NAME, before + 1)
    threads = threading.active_count()
    assert inline.as_of() == before
    assert threading.active_count() == threads


@needs_entities
@pytest.mark.parametrize("content", ["{", '{"as_of": 5, "newest": {}, "entities": {}}'])
def test_a_broken_snapshot_leaves_the_old_one_in_place(
    folder: ModelFolder, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    inline = source(folder, [])
    before = inline.as_of()
    path = folder.path / FILE_NAME
    path.write_text(content)
    os.utime(path, ns=(1, 1))
    wait_until(lambda: inline.as_of() == before and "the old one stays" in caplog.text)


def test_code_with_other_features_than_the_model_is_refused(
    folder: ModelFolder, signature: Signature
) -> None:
    msgspec.structs.replace(signature, features=signature.features[::-1]).write(folder.signature)
    with pytest.raises(ValueError, match="train again"):
        source(folder, [])


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
def test_refresh_from_a_table_that_went_back_is_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_newer(folder.path / FILE_NAME, data.SMALL_PERIOD.end.timestamp())
    events, end = data.events, data.SMALL_PERIOD.end - timedelta(hours=6)
    monkeypatch.setattr(data, "events", lambda start, _: events(start, end))
    assert_refused(folder, monkeypatch, [])
    assert "give --as-of to go back" in capsys.readouterr().err


def assert_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    path = folder.path / FILE_NAME
    before = path.read_bytes()
    assert refresh(arguments) == 1
    assert path.read_bytes() == before


def test_a_domain_without_histories_has_no_snapshot(
    model_folder: ModelFolder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, offline, online, refresh_module):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    signature = model_folder.read_signature()
    names = feature_matrix.feature_names(signature.inputs)
    signature = msgspec.structs.replace(signature, features=names)
    folder = ModelFolder(tmp_path)
    signature.write(folder.signature)
    offline.publish(folder.path, signature.inputs, {})
    assert [path.name for path in tmp_path.iterdir()] == [folder.signature.name]
    gauges: list[Gauge] = []
    features = source(folder, gauges).features(Encoder(signature.inputs).rows([signature.example]))
    assert features.shape == (1, len(names))
    assert gauges == []
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    assert refresh([]) == 1
    assert "there is none to refresh" in capsys.readouterr().err


def test_refresh_without_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(tmp_path))
    assert refresh([]) == 1
    assert "holds no model" in capsys.readouterr().err
