"""The application without its server: what cannot be provoked from outside."""

import asyncio
import logging
import time
from dataclasses import replace

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from __package__.gauges import Gauge
from __package__.observer import Observers, Refused, Scored
from __package__.service import Service
from __package__.serving.application import Application
from __package__.serving.scoring_endpoint import ARRIVED
from __package__.wiring import build_routes

from .conftest import Recorder, reasons


@pytest.fixture
def application(service: Service) -> Application:
    return Application(service, build_routes(service))


def call(application: ASGIApp, method: str, path: str, **request: object) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)  # type: ignore[arg-type]

    return asyncio.run(answer())


def test_a_draining_process_is_alive_and_not_ready(application: Application) -> None:
    application.draining = True
    assert call(application, "GET", "/livez").status_code == 200
    assert call(application, "GET", "/readyz").status_code == 503
    assert call(application, "GET", "/v2/health/ready").json() == {"ready": False}


def test_what_hinders_the_service_makes_it_alive_and_not_ready(
    application: Application, service: Service
) -> None:
    figures = {"work": 0.0}
    service.gauges.append(Gauge("work_hindered", "", lambda: figures["work"], hinders=True))
    service.gauges.append(Gauge("work_done", "", lambda: 1.0))
    assert call(application, "GET", "/readyz").status_code == 200
    figures["work"] = 1.0
    assert call(application, "GET", "/readyz").status_code == 503
    assert call(application, "GET", "/livez").status_code == 200


def test_a_defect_is_logged_and_not_shown(
    application: Application,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> Scored:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(type(service.scorer), "score", broken)
    with caplog.at_level(logging.ERROR):
        answer = call(application, "POST", "/predict", json=service.signature.example)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "secret of the house" in caplog.text


def test_observers_hear_of_answers_and_refusals(service: Service) -> None:
    recorder = Recorder()
    application = Application(replace(service, observers=Observers([recorder])), routes=[])
    answer = call(application, "POST", "/predict", json=service.signature.example).json()
    call(application, "POST", "/predict", json={})
    scored, refused = recorder.heard
    assert isinstance(scored, Scored)
    assert scored.prediction_id(0) == answer["predictions"][0]["prediction_id"]
    assert scored.request_id
    assert isinstance(refused, Refused)
    assert refused.reason == "invalid_input"


def test_observers_hear_of_a_model_that_is_not_here(service: Service) -> None:
    recorder = Recorder()
    application = Application(replace(service, observers=Observers([recorder])), routes=[])
    name, version = service.signature.name, service.signature.version
    for path in ("other", f"{name}/versions/other"):
        answer = call(application, "POST", f"/v2/models/{path}/infer", json={})
        assert answer.status_code == 404
        assert f"{name!r}, in version {version!r}" in answer.json()["error"]
    assert reasons(recorder) == ["not_found", "not_found"]


def test_observers_hear_of_a_defect_elsewhere(service: Service) -> None:
    def broken(_: Request) -> Response:
        raise RuntimeError("secret of the house")

    recorder = Recorder()
    application = Application(
        replace(service, observers=Observers([recorder])), [Route("/broken", broken)]
    )
    answer = call(application, "GET", "/broken")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert reasons(recorder) == ["internal_error"]


def test_a_duration_counts_the_wait_in_the_queue(service: Service) -> None:
    recorder = Recorder()
    application = Application(replace(service, observers=Observers([recorder])), routes=[])

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {ARRIVED: time.perf_counter() - 5.0}
        await application(scope, receive, send)

    call(late, "POST", "/predict", json=service.signature.example)
    (scored,) = recorder.heard
    assert 5.0 <= scored.duration_s < 10.0


def test_the_queue_is_a_gauge(application: Application, service: Service) -> None:
    (gauge,) = [gauge for gauge in service.gauges if gauge.name == "pending_requests"]
    assert gauge.values()[()] == application.admission.pending() == 0
