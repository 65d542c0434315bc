"""The features of entities: as they were, as they are, and both the same."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__.columns import Encoder
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES
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
            "available_at": [datetime(2020, 1, 1, hour, tzinfo=UTC) for hour in (3, 1, 2, 2)],
            "shop": ["a", "a", "a", "b"],
            "late": [None, 1.0, 4.0, 8.0],
        }
    )
}


def feature(statistic: str, hours: int) -> list[float]:
    """The feature of the shops a, b and of an unknown one, at 03:00."""
    definition = EntityFeature("f", "shop", "trips", "late", statistic, hours * 3600)  # type: ignore[arg-type]
    cut = int(datetime(2020, 1, 1, 3, tzinfo=UTC).timestamp())
    rows = history_of([definition], HISTORY, ("a", "b"), np.arange(3), np.full(3, cut))
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


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the model that a test may change."""
    return ModelFolder(Path(shutil.copytree(model_folder.path, tmp_path / "model")))


def source(folder: ModelFolder, gauges: list[Gauge]) -> InlineFeatureSource:
    settings = Settings(model_dir=folder.path, snapshot_reload_s=0)
    return InlineFeatureSource(folder.read_signature(), folder, settings, gauges)


def test_serving_sees_what_training_saw(folder: ModelFolder) -> None:
    """The same rows through both: the features as of their cut are equal in every bit."""
    period = data.SMALL_PERIOD
    dataset = load(period)
    examples = data.examples(period.start, period.end)
    online = source(folder, [])
    compared = 0
    for cut in np.unique(dataset.cuts)[50::400].tolist():
        rows = np.flatnonzero(dataset.cuts == cut)
        moment = datetime.fromtimestamp(cut, UTC)
        snapshot_of(dataset.events, dataset.inputs, moment).write(folder.path / FILE_NAME)
        names = [column.name for column in dataset.inputs]
        requests = msgspec.json.decode(
            msgspec.json.encode(examples[rows.tolist()].select(names).to_dicts())
        )
        served = online.features(Encoder(dataset.inputs).rows(requests))
        np.testing.assert_array_equal(served, dataset.features[rows])
        compared += len(rows)
    assert compared > 5


def test_an_entity_that_training_has_not_seen_gets_the_features_of_none(
    folder: ModelFolder, signature: Signature
) -> None:
    tables = Snapshot.read(folder.path / FILE_NAME).tables(signature.inputs)
    assert list(tables) == [column.name for column in signature.inputs if column.name in tables]
    assert set(tables) == set(ENTITIES)
    for column in signature.inputs:
        if column.name in tables:
            assert len(tables[column.name]) == len(column.categories) + 1


def test_a_newer_snapshot_is_picked_up(folder: ModelFolder) -> None:
    gauges: list[Gauge] = []
    online = source(folder, gauges)
    path = folder.path / FILE_NAME
    newer = msgspec.structs.replace(Snapshot.read(path), as_of=time.time() - 60)
    newer.write(path)
    assert online.as_of() == newer.as_of
    (age,) = gauges
    assert age.name == "feature_age_seconds"
    assert 60 <= age.read() < 90


def test_a_snapshot_is_looked_at_once_in_a_while_only(
    folder: ModelFolder, signature: Signature
) -> None:
    settings = Settings(model_dir=folder.path, snapshot_reload_s=3600)
    online = InlineFeatureSource(signature, folder, settings, [])
    before = online.as_of()
    path = folder.path / FILE_NAME
    msgspec.structs.replace(Snapshot.read(path), as_of=before + 1).write(path)
    assert online.as_of() == before


@pytest.mark.parametrize("content", ["{", '{"as_of": 5, "entities": {}}'])
def test_a_broken_snapshot_leaves_the_old_one_in_place(
    folder: ModelFolder, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    online = source(folder, [])
    before = online.as_of()
    path = folder.path / FILE_NAME
    path.write_text(content)
    os.utime(path, ns=(1, 1))
    assert online.as_of() == before
    assert "the old one stays" in caplog.text


def test_code_with_other_features_than_the_model_is_refused(
    folder: ModelFolder, signature: Signature
) -> None:
    msgspec.structs.replace(signature, features=signature.features[::-1]).write(folder.signature)
    with pytest.raises(ValueError, match="train again"):
        source(folder, [])


def test_refresh_writes_a_snapshot_as_of_a_moment(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    moment = data.SMALL_PERIOD.split
    assert refresh([f"--as-of={moment.replace(tzinfo=None).isoformat()}"]) == 0
    assert f"as of {moment:%Y-%m-%d %H:%M} UTC" in capsys.readouterr().out
    assert Snapshot.read(folder.path / FILE_NAME).as_of == moment.timestamp()


def test_refresh_takes_the_newest_data_and_the_path_of_the_settings(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere" / "snapshot.json"
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    monkeypatch.setenv("SERVICE_SNAPSHOT_PATH", str(path))
    assert refresh([]) == 0
    assert Snapshot.read(path).as_of > data.SMALL_PERIOD.end.timestamp()


def test_refresh_without_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(tmp_path))
    assert refresh([]) == 1
    assert "holds no model" in capsys.readouterr().err
