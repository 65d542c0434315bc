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
from __package__.feature_store import past, versions
from __package__.feature_store.past import PastFeatures, snapshot_at
from __package__.feature_store.readers import SqliteReader
from __package__.feature_store.tables import ONLINE_FILE, read_tables
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
    settings: Settings, signature: Signature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot_at(settings, tmp_path / "a", MOMENT + timedelta(minutes=20))
    events = data.events

    def without_future(start: datetime, end: datetime) -> dict[str, pl.DataFrame]:
        assert end <= MOMENT + timedelta(minutes=20, seconds=1)
        return {
            name: frame.filter(pl.col("available_at") <= MOMENT)
            for name, frame in events(start, end).items()
        }

    monkeypatch.setattr(data, "events", without_future)
    snapshot_at(settings, tmp_path / "b", MOMENT + timedelta(minutes=20))
    first, second = (
        read_tables(SqliteReader(tmp_path / name / ONLINE_FILE), signature.inputs)
        for name in ("a", "b")
    )
    assert (first.as_of, first.newest) == (MOMENT.timestamp(), second.newest)
    for entity, table in first.tables.items():
        np.testing.assert_array_equal(second.tables[entity], table)


@needs_entities
def test_a_job_that_goes_on_keeps_its_features(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = snapshot_at(settings, tmp_path, MOMENT)
    assert [path.name for path in tmp_path.iterdir()] == [ONLINE_FILE]
    monkeypatch.setattr(data, "events", None)
    assert snapshot_at(settings, tmp_path, MOMENT) == first
    assert first.features_file == tmp_path / ONLINE_FILE


@needs_entities
def test_a_job_keeps_its_copy_of_a_file_made_elsewhere(settings: Settings, tmp_path: Path) -> None:
    given, folder = tmp_path / "given.db", tmp_path / "job"
    folder.mkdir()
    content = (settings.model_dir / ONLINE_FILE).read_bytes()
    given.write_bytes(content)
    told = settings.model_copy(update={"features_file": given})
    first = snapshot_at(told, folder, MOMENT)
    assert first.features_file == folder / ONLINE_FILE
    given.write_text("another one")
    assert snapshot_at(told, folder, MOMENT) == first
    assert (folder / ONLINE_FILE).read_bytes() == content


@needs_entities
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no database at all, and long enough to be read as one", "cannot be read"),
        (b"", "no features of version"),
    ],
)
def test_a_file_made_elsewhere_that_is_wrong_leaves_nothing_to_go_on_with(
    content: bytes, reason: str, settings: Settings, tmp_path: Path
) -> None:
    given, folder = tmp_path / "given.db", tmp_path / "job"
    folder.mkdir()
    given.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=reason):
        snapshot_at(settings.model_copy(update={"features_file": given}), folder, MOMENT)
    assert not any(folder.iterdir())


@needs_entities
def test_a_source_without_events_leaves_nothing_to_go_on_with(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = pl.DataFrame(schema={"available_at": pl.Datetime("us", "UTC")})
    empty = dict.fromkeys(versions.event_tables(), nothing)
    monkeypatch.setattr(data, "events", lambda *_: empty)
    with pytest.raises(ValueError, match="holds no event"):
        snapshot_at(settings, tmp_path, MOMENT)
    assert not any(tmp_path.iterdir())


@needs_entities
def test_the_age_counts_from_the_table_furthest_behind_to_the_moment(
    folder: ModelFolder, signature: Signature
) -> None:
    gauges: list[Gauge] = []
    features = PastFeatures(signature, folder, Settings(model_dir=folder.path), gauges)
    held = read_tables(SqliteReader(folder.path / ONLINE_FILE), ())
    assert features.as_of() == min(held.newest.values())
    age = held.as_of - min(held.newest.values())
    assert [(gauge.name, gauge.read()) for gauge in gauges] == [("feature_age_seconds", age)]


def test_a_domain_without_histories_needs_no_store(
    signature: Signature, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, past, versions):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    assert snapshot_at(settings, tmp_path, MOMENT) == settings
    assert not any(tmp_path.iterdir())
    names = feature_matrix.feature_names(signature.inputs)
    signature = msgspec.structs.replace(signature, features=names)
    versions.write_feature_service(tmp_path)
    gauges: list[Gauge] = []
    source = PastFeatures(signature, ModelFolder(tmp_path), settings, gauges)
    columns = Encoder(signature.inputs).rows([signature.example])
    assert source.features(columns).shape == (1, len(names))
    assert gauges == []
