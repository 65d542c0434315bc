"""The features of entities as they are: in memory, read again while they are used."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from __package__ import feature_matrix
from __package__.columns import Encoder
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_store import online, versions
from __package__.feature_store.grid import moment_before
from __package__.feature_store.online import OnlineFeatures
from __package__.feature_store.readers import SqliteReader, is_redis
from __package__.feature_store.tables import (
    ONLINE_FILE,
    FeatureTables,
    read_tables,
)
from __package__.feature_store.versions import INTERVAL
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import needs_entities
from .stores import reading, small_events, write_features

SPLIT = data.SMALL_PERIOD.split.timestamp()


def wait_until(condition: Callable[[], bool]) -> None:
    """Features are read in a thread: wait for what should come of it."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def source(folder: ModelFolder, gauges: list[Gauge], **others: object) -> OnlineFeatures:
    settings = Settings(model_dir=folder.path, feature_cache_s=0).model_copy(update=others)
    return OnlineFeatures(folder.read_signature(), folder, settings, gauges)


@needs_entities
def test_newer_features_are_picked_up(folder: ModelFolder) -> None:
    gauges: list[Gauge] = []
    features = source(folder, gauges)
    write_features(folder.path / ONLINE_FILE, small_events(), SPLIT)
    expected = read_tables(SqliteReader(folder.path / ONLINE_FILE), ()).data_as_of
    assert expected <= SPLIT
    wait_until(lambda: features.as_of() == expected)
    age = reading(gauges, "feature_age_seconds")
    assert age == pytest.approx(time.time() - expected, abs=60)


@needs_entities
def test_requests_are_answered_while_features_are_read(
    folder: ModelFolder, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = source(folder, [])
    before = features.as_of()
    reading, go_on = threading.Event(), threading.Event()
    newer = FeatureTables(before + 1, {}, {})

    def slowly(*_: object) -> FeatureTables:
        reading.set()
        go_on.wait(10)
        return newer

    wait_until(lambda: not features._reading.locked())
    monkeypatch.setattr(online, "read_tables", slowly)
    columns = Encoder(signature.inputs).rows([signature.example])
    wait_until(lambda: len(features.features(columns)) == 1 and reading.is_set())
    reading.clear()
    assert features.as_of() == before
    assert not reading.is_set(), "they are read once, not by every request"
    go_on.set()
    wait_until(lambda: features.as_of() == before + 1)


@needs_entities
def test_the_store_is_read_once_in_a_while_only(folder: ModelFolder) -> None:
    features = source(folder, [], feature_cache_s=3600)
    before = features.as_of()
    write_features(folder.path / ONLINE_FILE, small_events(), SPLIT)
    threads = threading.active_count()
    assert features.as_of() == before
    assert threading.active_count() == threads


@needs_entities
@pytest.mark.parametrize("content", [b"", b"no database at all, and long enough to be read as one"])
def test_a_store_that_breaks_leaves_the_features_as_they_were(
    folder: ModelFolder, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    features = source(folder, [])
    before = features.as_of()
    (folder.path / ONLINE_FILE).write_bytes(content)
    wait_until(lambda: features.as_of() == before and "stay as they were" in caplog.text)
    for _ in range(5):
        wait_until(lambda: not features._reading.locked())
        features.as_of()
    assert caplog.text.count("stay as they were") == 1


@needs_entities
def test_the_features_of_training_stand_in_for_a_store_that_is_not_there_yet(
    folder: ModelFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gauges: list[Gauge] = []
    path = tmp_path / "later.db"
    features = source(folder, gauges, online_store=str(path))
    assert features.as_of() == source(folder, []).as_of()
    assert "left stand in" in caplog.text
    time.sleep(0.05)
    assert reading(gauges, "feature_store_unread_seconds") >= 0.05
    assert [gauge.values().keys() for gauge in gauges if gauge.labels] == [{(str(path),)}]
    moment = write_features(path, small_events(), SPLIT)
    wait_until(lambda: features.as_of() <= moment)


@needs_entities
def test_a_model_without_any_features_is_refused(folder: ModelFolder) -> None:
    (folder.path / ONLINE_FILE).unlink()
    with pytest.raises(OSError, match="cannot be read"):
        source(folder, [])


@needs_entities
def test_an_entity_that_was_not_heard_of_for_long_is_as_one_that_never_was(
    folder: ModelFolder, signature: Signature
) -> None:
    """Rows stay in the store when no newer one replaces them: what counts is the moment."""
    later = moment_before(SPLIT) + 3 * INTERVAL
    path, elsewhere = folder.path / ONLINE_FILE, folder.path / "later.db"
    write_features(path, small_events(), SPLIT)
    write_features(elsewhere, small_events(), later)
    old, new = (read_tables(SqliteReader(one), signature.inputs) for one in (path, elsewhere))
    assert new.as_of == later
    assert any(np.isfinite(table[:-1]).any() for table in old.tables.values())

    class Mixed:
        """Freshness is new, the rows are old."""

        def read(self, view: str, *wanted: object) -> object:
            which = elsewhere if view == versions.freshness_view() else path
            return SqliteReader(which).read(view, *wanted)  # type: ignore[arg-type]

    for table in read_tables(Mixed(), signature.inputs).tables.values():  # type: ignore[arg-type]
        np.testing.assert_array_equal(table, np.tile(table[-1], (len(table), 1)))


def test_a_store_of_another_kind_is_refused() -> None:
    assert not is_redis("data/online.db")
    assert is_redis("rediss://host")
    with pytest.raises(ValueError, match="give redis://, rediss:// or a file"):
        is_redis("mysql://host")


def test_a_domain_without_histories_needs_no_store(
    signature: Signature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, online, versions):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    names = feature_matrix.feature_names(signature.inputs)
    signature = msgspec.structs.replace(signature, features=names)
    folder = ModelFolder(tmp_path)
    signature.write(folder.signature)
    versions.write_feature_service(tmp_path)
    gauges: list[Gauge] = []
    features = source(folder, gauges).features(Encoder(signature.inputs).rows([signature.example]))
    assert features.shape == (1, len(names))
    assert gauges == []
