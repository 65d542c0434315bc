"""The features of entities as they were known at one moment."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__ import feature_matrix
from __package__.columns import Encoder
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_store import past, snapshot
from __package__.feature_store.past import (
    PastFeatureSource,
    snapshot_at,
)
from __package__.feature_store.snapshot import FILE_NAME, Snapshot
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import needs_entities

MOMENT = data.SMALL_PERIOD.split


@pytest.fixture
def settings(model_folder: ModelFolder) -> Settings:
    return Settings(model_dir=model_folder.path)


@needs_entities
def test_nothing_that_became_known_later_counts(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot_at(settings, tmp_path / "a", MOMENT)
    events = data.events

    def without_future(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        assert end <= MOMENT + timedelta(seconds=1)
        return {
            name: frame.filter(pl.col("available_at") <= MOMENT)
            for name, frame in events(start, end).items()
        }

    monkeypatch.setattr(data, "events", without_future)
    snapshot_at(settings, tmp_path / "b", MOMENT)
    snapshots = [(tmp_path / name / FILE_NAME).read_bytes() for name in ("a", "b")]
    assert snapshots[0] == snapshots[1]
    assert Snapshot.read(tmp_path / "a" / FILE_NAME).as_of == MOMENT.timestamp()


@needs_entities
def test_a_job_that_goes_on_keeps_its_features(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = snapshot_at(settings, tmp_path, MOMENT)
    monkeypatch.setattr(data, "events", None)
    assert snapshot_at(settings, tmp_path, MOMENT) == first
    assert first.snapshot_path == tmp_path / FILE_NAME


@needs_entities
def test_a_job_keeps_its_copy_of_a_snapshot_made_elsewhere(
    settings: Settings, tmp_path: Path
) -> None:
    given, folder = tmp_path / "given.json", tmp_path / "job"
    folder.mkdir()
    content = (settings.model_dir / FILE_NAME).read_bytes()
    given.write_bytes(content)
    told = settings.model_copy(update={"snapshot_path": given})
    first = snapshot_at(told, folder, MOMENT)
    assert first.snapshot_path == folder / FILE_NAME
    given.write_text("another one")
    assert snapshot_at(told, folder, MOMENT) == first
    assert (folder / FILE_NAME).read_bytes() == content


@needs_entities
@pytest.mark.parametrize("content", ["{", '{"as_of": 5, "newest": {}, "entities": {}}'])
def test_a_snapshot_made_elsewhere_that_is_wrong_leaves_nothing_to_go_on_with(
    content: str, settings: Settings, tmp_path: Path
) -> None:
    given, folder = tmp_path / "given.json", tmp_path / "job"
    folder.mkdir()
    given.write_text(content)
    with pytest.raises(ValueError, match="snapshot"):
        snapshot_at(settings.model_copy(update={"snapshot_path": given}), folder, MOMENT)
    assert not any(folder.iterdir())


@needs_entities
def test_the_age_counts_from_the_table_furthest_behind_to_the_moment(
    folder: ModelFolder, signature: Signature
) -> None:
    found = Snapshot.read(folder.path / FILE_NAME)
    newest = {"fresh": 900.0, "behind": 400.0}
    msgspec.structs.replace(found, as_of=1000.0, newest=newest).write(folder.path / FILE_NAME)
    gauges: list[Gauge] = []
    features = PastFeatureSource(signature, folder, Settings(model_dir=folder.path), gauges)
    assert features.as_of() == 400
    assert [(gauge.name, gauge.values()[()]) for gauge in gauges] == [("feature_age_seconds", 600)]


def test_a_domain_without_histories_needs_no_snapshot(
    signature: Signature, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, past, snapshot):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    assert snapshot_at(settings, tmp_path, MOMENT) == settings
    assert not any(tmp_path.iterdir())
    names = feature_matrix.feature_names(signature.inputs)
    signature = msgspec.structs.replace(signature, features=names)
    gauges: list[Gauge] = []
    source = PastFeatureSource(signature, ModelFolder(tmp_path), settings, gauges)
    columns = Encoder(signature.inputs).rows([signature.example])
    assert source.features(columns).dtype == np.float32
    assert source.features(columns).shape == (1, len(names))
    assert gauges == []
