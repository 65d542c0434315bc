"""Versions of the service as processes of their own, whole and with faults."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from __package__.rehearsal.models import Models
from __package__.rehearsal.processes import Faults, Server
from __package__.rehearsal.traffic import Traffic

pytestmark = pytest.mark.slow


def statuses(server: Server, rows: Sequence[object]) -> list[int]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        return [client.post("/predict", json=row).status_code for row in rows]


def test_a_server_serves_its_version_and_ends_in_order(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    with Server(models.champion, tmp_path / "champion.log") as server:
        answer = httpx.post(f"{server.url}/predict", json=traffic.rows[0], trust_env=False).json()
        assert answer["model_version"] == server.version
        assert server.stop() == 0
    assert "serving" in (tmp_path / "champion.log").read_text()


def test_a_server_has_the_faults_it_was_given(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    faults = Faults(delay_s=0.05, fail_share=0.25, crash_after=8)
    with Server(models.champion, tmp_path / "faulty.log", faults) as server:
        assert statuses(server, traffic.rows[:8]) == [200, 200, 200, 500] * 2
        with pytest.raises(httpx.TransportError):
            statuses(server, traffic.rows[:1])
        assert server.stop() != 0


def test_a_server_refuses_as_many_rows_as_it_was_told_to(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    with Server(models.champion, tmp_path / "log", Faults(refuse_share=0.5)) as server:
        assert statuses(server, traffic.rows[:4]) == [200, 422] * 2


def test_a_server_has_its_settings_from_nobody_but_the_rehearsal(
    models: Models, traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_MAX_ROWS", "0")  # with it no service starts
    with Server(models.champion, tmp_path / "log") as server:
        assert statuses(server, traffic.rows[:1]) == [200]
        assert not server.has_ended
        server.kill()
        assert server.has_ended


def test_a_server_that_cannot_start_says_why(models: Models, tmp_path: Path) -> None:
    server = Server(models.champion, tmp_path / "broken.log", max_rows=0)
    with pytest.raises(RuntimeError, match="SERVICE_MAX_ROWS"), server:
        pass
