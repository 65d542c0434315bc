"""The metrics of a run, pushed to a real Pushgateway."""

import logging
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from prometheus_client import CollectorRegistry, Gauge
from pydantic import HttpUrl

from __package__.push import push
from __package__.settings import Settings, read_settings

COMMAND = shutil.which("pushgateway") or shutil.which("prometheus-pushgateway")
needs_gateway = pytest.mark.skipif(COMMAND is None, reason="the Pushgateway is not installed")


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("rows", "Rows.", registry=registry).set(3)
    return registry


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of this machine
        text: str = answer.read().decode()
        return text


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """The address of a Pushgateway that runs, and remembers, as long as the test."""
    assert COMMAND
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(  # noqa: S603 - installed on this machine
        [
            *(COMMAND, f"--web.listen-address={address}"),
            f"--persistence.file={tmp_path / 'metrics'}",
        ],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    try:
        while True:
            try:
                read(f"http://{address}/-/ready")
                break
            except URLError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


@needs_gateway
def test_a_run_shows_its_metrics_under_the_service_s_name(
    registry: CollectorRegistry, gateway: str
) -> None:
    settings = Settings(pushgateway_url=HttpUrl(gateway), namespace="staging")
    push("flights", registry, settings)()
    assert 'rows{instance="",job="flights",namespace="staging"} 3\n' in read(f"{gateway}/metrics")


@needs_gateway
def test_the_run_before_is_replaced(registry: CollectorRegistry, gateway: str) -> None:
    settings = Settings(pushgateway_url=HttpUrl(gateway))
    push("flights", registry, settings)()
    later = CollectorRegistry()
    Gauge("days", "Days.", registry=later).set(1)
    push("flights", later, settings)()
    shown = read(f"{gateway}/metrics")
    assert "days{" in shown
    assert "rows{" not in shown


def test_a_gateway_that_cannot_be_reached_is_logged_and_fails_nothing(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        push("flights", registry, Settings(pushgateway_url=HttpUrl("http://127.0.0.1:1")))()
    assert "were not pushed" in caplog.text


@pytest.mark.parametrize("url", ["", "pushgateway:9091", "no address"])
def test_what_is_no_address_is_refused_before_the_run(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SERVICE_PUSHGATEWAY_URL", url)
    with pytest.raises(ValueError, match=r"^SERVICE_PUSHGATEWAY_URL: "):
        read_settings()


def test_without_a_gateway_nothing_is_pushed(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    push("flights", registry, Settings())()
    assert not caplog.records
