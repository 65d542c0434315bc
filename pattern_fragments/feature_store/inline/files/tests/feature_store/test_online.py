"""The features of entities as they are: from a snapshot that is replaced while it is used."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from __package__ import feature_matrix
from __package__.columns import Encoder
from __package__.feature_definition import EntityFeature
from __package__.feature_store import online
from __package__.feature_store.online import InlineFeatureSource
from __package__.feature_store.snapshot import FILE_NAME, Snapshot
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import needs_entities, write_newer


def wait_until(condition: Callable[[], bool]) -> None:
    """A snapshot is reloaded in a thread: wait for what should come of it."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def source(folder: ModelFolder, gauges: list[Gauge]) -> InlineFeatureSource:
    settings = Settings(model_dir=folder.path, snapshot_reload_s=0)
    return InlineFeatureSource(folder.read_signature(), folder, settings, gauges)


@needs_entities
def test_a_newer_snapshot_is_picked_up(folder: ModelFolder) -> None:
    gauges: list[Gauge] = []
    inline = source(folder, gauges)
    path = folder.path / FILE_NAME
    write_newer(path, time.time() - 60)
    (age,) = gauges
    assert age.name == "feature_age_seconds"
    wait_until(lambda: 60 <= age.values()[()] < 90)
    assert inline.as_of() == Snapshot.read(path).data_as_of


@needs_entities
def test_the_age_is_that_of_the_table_furthest_behind(folder: ModelFolder) -> None:
    path = folder.path / FILE_NAME
    found = Snapshot.read(path)
    msgspec.structs.replace(found, newest={"fresh": time.time(), "behind": 5.0}).write(path)
    gauges: list[Gauge] = []
    assert source(folder, gauges).as_of() == 5
    assert gauges[0].values()[()] == pytest.approx(time.time() - 5, abs=60)


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


def test_a_domain_without_histories_needs_no_snapshot(
    signature: Signature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, online):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    names = feature_matrix.feature_names(signature.inputs)
    signature = msgspec.structs.replace(signature, features=names)
    folder = ModelFolder(tmp_path)
    signature.write(folder.signature)
    gauges: list[Gauge] = []
    features = source(folder, gauges).features(Encoder(signature.inputs).rows([signature.example]))
    assert features.shape == (1, len(names))
    assert gauges == []
