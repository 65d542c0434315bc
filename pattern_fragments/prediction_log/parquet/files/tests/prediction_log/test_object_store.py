"""The log in an object store: moto's server stands in for one, with the protocol and no disk."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from __package__.gauges import Gauge
from __package__.logged import scan

from .conftest import NOON, MakeLog, batch, figures, scored

pytest.importorskip("moto", reason="moto, whose server stands in for an object store, is missing")
FIRST = datetime(2013, 7, 1, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def use(port: int, environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        environment.setenv(name, value)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a store with the bucket `logs` listens."""
    port = free_port()
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


def test_what_is_logged_in_a_store_is_read_from_there(
    port: int, make_log: MakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(port, monkeypatch)
    where = "s3://logs/some/folder"
    with pytest.raises(FileNotFoundError, match="holds no predictions"):
        scan(where, FIRST, FIRST + timedelta(days=1))
    for number, moment in enumerate((NOON, NOON + 86_400, NOON + 40 * 86_400)):
        log = make_log(where=where)
        log.observe(batch(scored(1, number, moment), scored(1, 9, NOON)))
        log.close()
    rows = scan(where, FIRST, FIRST + timedelta(days=30)).collect()
    assert rows["prediction_id"].to_list() == ["v1-0", "v1-9", "v1-1"]
    assert rows["inputs"].struct.field("size").to_list() == [0.0, 0.0, 0.0]


def test_a_store_that_is_away_costs_rows_of_the_log_and_nothing_else(
    make_log: MakeLog, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(free_port(), monkeypatch)
    log = make_log(where="s3://other/folder")
    log.observe(batch())
    log.close()
    assert figures(gauges)["prediction_log_dropped_rows_total"] == 3
