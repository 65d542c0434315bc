"""The online store in a real Redis, which goes away and comes back."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from __package__.columns import Encoder
from __package__.domain import data
from __package__.feature_store.online import OnlineFeatures
from __package__.feature_store.readers import RedisReader, SqliteReader
from __package__.feature_store.tables import ONLINE_FILE, read_tables
from __package__.gauges import Gauge
from __package__.materialize import bring_up
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import needs_entities
from .stores import (
    RedisServer,
    reading,
    redis_server,
    small_events,
    write_features,
)
from .test_online import wait_until

MOMENT = data.SMALL_PERIOD.split
HOUR = timedelta(hours=1)
UNREAD = "feature_store_unread_seconds"

pytestmark = [pytest.mark.slow, needs_entities]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as started:
        yield started


def settings_of(server: RedisServer, folder: ModelFolder, offline: Path) -> Settings:
    return Settings(
        model_dir=folder.path,
        online_store=server.url,
        offline_store=offline,
        online_store_timeout_s=0.5,
        feature_cache_s=0,
    )


def test_redis_and_sqlite_hold_the_same(
    server: RedisServer, folder: ModelFolder, signature: Signature, tmp_path: Path
) -> None:
    """The password has what the connection strings of Feast do not carry as it is."""
    settings = settings_of(server, folder, tmp_path / "offline")
    for moment in (MOMENT - HOUR, MOMENT):
        said = bring_up(settings, moment)
        assert f"Redis at 127.0.0.1: entity features as of {moment:%Y-%m-%d %H:%M} UTC" in said
    write_features(tmp_path / "same.db", small_events(), MOMENT.timestamp())
    in_file = read_tables(SqliteReader(tmp_path / "same.db"), signature.inputs)
    in_redis = read_tables(RedisReader(server.url, 1), signature.inputs)
    assert (in_redis.as_of, in_redis.newest) == (in_file.as_of, in_file.newest)
    for entity, table in in_file.tables.items():
        np.testing.assert_array_equal(in_redis.tables[entity], table)


def test_a_new_offline_store_may_stand_beside_a_redis_that_is_current(
    server: RedisServer, folder: ModelFolder, tmp_path: Path
) -> None:
    """The folder of a pod goes with it, and the hour may have brought nothing new."""
    for offline in ("one", "another"):
        settings = settings_of(server, folder, tmp_path / offline)
        assert f"as of {MOMENT:%Y-%m-%d %H:%M} UTC" in bring_up(settings, MOMENT)
    assert read_tables(RedisReader(server.url, 1), ()).as_of == MOMENT.timestamp()


def test_the_last_known_features_stay_while_redis_is_away(
    server: RedisServer,
    folder: ModelFolder,
    signature: Signature,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    settings = settings_of(server, folder, tmp_path / "offline")
    bring_up(settings, MOMENT)
    gauges: list[Gauge] = []
    features = OnlineFeatures(signature, folder, settings, gauges)
    columns = Encoder(signature.inputs).rows([signature.example])
    known, as_of = features.features(columns), features.as_of()
    assert as_of <= MOMENT.timestamp()

    wait_until(lambda: not features._reading.locked())
    server.stop()
    wait_until(lambda: features.as_of() == as_of and "does not answer" in caplog.text)
    np.testing.assert_array_equal(features.features(columns), known)
    wait_until(lambda: reading(gauges, UNREAD) > 0.3)

    server.start()
    wait_until(lambda: features.as_of() == as_of and "are read again" in caplog.text)
    assert reading(gauges, UNREAD) < 0.3


def test_a_service_starts_while_redis_is_away(
    server: RedisServer, folder: ModelFolder, signature: Signature, tmp_path: Path
) -> None:
    server.stop()
    settings = settings_of(server, folder, tmp_path / "offline")
    features = OnlineFeatures(signature, folder, settings, [])
    own = read_tables(SqliteReader(folder.path / ONLINE_FILE), signature.inputs)
    assert features.as_of() == own.data_as_of


def test_no_request_waits_for_a_redis_that_hangs(
    server: RedisServer, folder: ModelFolder, signature: Signature, tmp_path: Path
) -> None:
    """A server that accepts connections and says nothing is worse than none."""
    settings = settings_of(server, folder, tmp_path / "offline")
    bring_up(settings, MOMENT)
    features = OnlineFeatures(signature, folder, settings, [])
    columns = Encoder(signature.inputs).rows([signature.example])
    server.freeze()
    try:
        time.sleep(0.05)
        started = time.monotonic()
        for _ in range(100):
            features.features(columns)
        assert time.monotonic() - started < 0.25
        wait_until(lambda: not features._reading.locked())
        assert threading.active_count() < 50
    finally:
        server.thaw()
