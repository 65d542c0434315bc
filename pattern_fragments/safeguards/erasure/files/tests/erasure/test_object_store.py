"""Retention and erasure in an object store: moto's server stands in for one."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import polars as pl
import pytest

from __package__.erase import main as erase
from __package__.erasure.receipts import Receipts, hashed
from __package__.object_store import options
from __package__.prediction_log.store import Store
from __package__.retention import main as retention
from __package__.settings import Settings

from .conftest import FOREVER, TODAY, rows

pytest.importorskip("moto", reason="moto, whose server stands in for an object store, is missing")
pytestmark = pytest.mark.slow
WHERE = "s3://logs/folder"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a store with the bucket `logs` listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    server = subprocess.Popen(  # noqa: S603 - a package of the tests
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    request = urllib.request.Request(f"http://127.0.0.1:{port}/logs", method="PUT")
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(request).close()  # noqa: S310 - the line above
            break
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield port
    server.terminate()
    server.wait()


@pytest.fixture
def _store(port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is in the store; everything else that is named by default is on this machine."""
    assert settings
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "SERVICE_PREDICTION_LOG": WHERE,
    }.items():
        monkeypatch.setenv(name, value)


def ids() -> list[str]:
    found = pl.scan_parquet(
        f"{WHERE}/date=*/*.parquet", hive_partitioning=False, storage_options=options(WHERE)
    )
    return sorted(found.collect()["prediction_id"].to_list())


@pytest.mark.usefixtures("_store")
def test_rows_and_days_go_from_a_store_and_receipts_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert erase(["--prediction-id", "a"]) == 1
    store = Store(WHERE, FOREVER, 10**9)
    for days_ago, some in ((400, ("old",)), (365, ("a", "b")), (0, ("b", "c")), (0, ("d",))):
        store.write(rows(some, TODAY - timedelta(days=days_ago)))
    assert erase(["--prediction-id", "b", "--prediction-id", "d"]) == 0
    assert ids() == ["a", "c", "old"]
    assert Receipts(WHERE, "SERVICE_PREDICTION_LOG").erased() == {hashed("b"), hashed("d")}
    assert erase(["--prediction-id", "b"]) == 0
    capsys.readouterr()
    assert retention(["--dry-run"]) == 0
    assert "SERVICE_PREDICTION_LOG: 1 files" in capsys.readouterr().out
    assert ids() == ["a", "c", "old"]
    assert retention([]) == 0
    assert ids() == ["a", "c"]
    capsys.readouterr()
    assert retention([]) == 0
    assert "SERVICE_PREDICTION_LOG: 0 files" in capsys.readouterr().out


@pytest.mark.usefixtures("settings")
def test_a_store_that_is_away_erases_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    # A bucket of its own: polars remembers where the other one is.
    monkeypatch.setenv("SERVICE_PREDICTION_LOG", "s3://away/folder")
    assert erase(["--prediction-id", "a"]) == 2
    assert "s3://away/folder cannot be read" in capsys.readouterr().err
