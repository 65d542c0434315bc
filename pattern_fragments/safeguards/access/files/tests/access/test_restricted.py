"""The application for known callers, without its server."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from __package__.access.application import (
    OPEN_PATHS,
    RestrictedApplication,
)
from __package__.access.gate import Gate
from __package__.access.key_file import write
from __package__.callers import caller, name_the_caller
from __package__.observer import Observers, Refused, Scored
from __package__.service import Service
from __package__.wiring import build_application

from .conftest import KEY, a_caller, bearing


class Heard:
    """An observer that remembers what it heard, and of whose request."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def scored(self, scored: Scored) -> None:
        self.events.append((caller.get(), scored.version))

    def refused(self, refused: Refused) -> None:
        self.events.append((caller.get(), refused.reason))

    def close(self) -> None:
        """Everything stays."""


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def application(service: Service, heard: Heard, path: Path) -> RestrictedApplication:
    """As the composition root builds it, with a file of keys."""
    settings = service.settings.model_copy(update={"keys_file": path})
    made = build_application(replace(service, settings=settings, observers=Observers([heard])))
    assert isinstance(made, RestrictedApplication)
    return made


def call(
    application: RestrictedApplication, method: str, path: str, key: str = "", **request: Any
) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=headers, **request)

    return asyncio.run(answer())


def paths_of(application: RestrictedApplication) -> list[str]:
    described: dict[str, object] = call(application, "GET", "/openapi.json", KEY).json()["paths"]
    return [*described, "/openapi.json", "/docs", "/docs/page.js", "/nothing", "/livez/", "//livez"]


@pytest.mark.parametrize("probe", OPEN_PATHS)
def test_probes_need_no_key(application: RestrictedApplication, probe: str) -> None:
    assert call(application, "GET", probe).status_code == 200


def test_everything_else_needs_one(application: RestrictedApplication) -> None:
    locked = set(paths_of(application)) - set(OPEN_PATHS)
    assert {"/predict", "/v2", "/nothing", "/docs"} <= locked
    for path in locked:
        for method in ("GET", "POST", "OPTIONS"):
            answer = call(application, method, path)
            assert answer.status_code in (401, 429), (method, path)


def test_with_a_key_every_answer_is_that_of_the_application(
    application: RestrictedApplication, service: Service
) -> None:
    answer = call(application, "POST", "/predict", KEY, json=service.signature.example)
    assert answer.status_code == 200
    assert call(application, "GET", "/v2", KEY).json()["name"] == service.signature.name
    assert call(application, "GET", "/nothing", KEY).status_code == 404


def test_scoring_needs_another_permission_than_reading(
    application: RestrictedApplication, service: Service, path: Path
) -> None:
    name, version = service.signature.name, service.signature.version
    model = f"/v2/models/{name}"
    scoring = ("/predict", f"{model}/infer", f"{model}/versions/{version}/infer")
    for permission, may_score, may_read in (("predict", True, False), ("describe", False, True)):
        write(path, [a_caller(permissions=[permission])])
        settings = application.settings
        here = build_application(replace(service, settings=settings))
        assert isinstance(here, RestrictedApplication)
        for one in scoring:
            assert (call(here, "POST", one, KEY, json={}).status_code == 403) is not may_score
        assert (call(here, "GET", "/openapi.json", KEY).status_code == 403) is not may_read


def test_a_refusal_is_in_the_language_of_its_path(application: RestrictedApplication) -> None:
    error = call(application, "POST", "/predict", json={}).json()["error"]
    assert error["problems"] == []
    assert "Authorization" in error["message"]
    assert "Authorization" in call(application, "GET", "/v2").json()["error"]


def test_observers_hear_of_each_request_and_whose_it_was(
    application: RestrictedApplication, service: Service, heard: Heard
) -> None:
    call(application, "POST", "/predict", KEY, json=service.signature.example)
    call(application, "POST", "/predict", KEY, json={})
    call(application, "POST", "/predict", "guessed", json=service.signature.example)
    version = service.signature.version
    assert heard.events == [
        ("shop", version),
        ("shop", "invalid_input"),
        ("", "unauthenticated"),
    ]


def test_nothing_of_a_body_is_read_before_the_key(application: RestrictedApplication) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [*bearing("guessed"), (b"content-length", b"1000")],
        "client": None,
    }
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 401


def test_a_caller_is_forgotten_before_the_next_request_of_a_connection(
    application: RestrictedApplication,
) -> None:
    names: list[str] = []

    async def two() -> None:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for path, key in (("/v2", KEY), ("/livez", ""), ("/v2", KEY), ("/v2", "guessed")):
                await client.get(path, headers={"authorization": f"Bearer {key}"})
                names.append(caller.get())

    asyncio.run(two())
    assert names == ["shop", "", "shop", ""]


def test_a_line_of_the_log_says_whose_request_it_was(
    application: RestrictedApplication, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(name_the_caller)
    settings = application.settings.model_copy(update={"log_requests": True})
    here = build_application(replace(service, settings=settings))
    assert isinstance(here, RestrictedApplication)
    with caplog.at_level(logging.INFO):
        call(here, "POST", "/predict", KEY, json=service.signature.example)
        call(here, "POST", "/predict", json=service.signature.example)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "request"]
    assert [(line["status"], line.get("caller")) for line in lines] == [(200, "shop"), (401, None)]


@pytest.mark.usefixtures("application")
def test_the_ends_of_keys_are_a_gauge(service: Service) -> None:
    assert "caller_key_end_timestamp_seconds" in [gauge.name for gauge in service.gauges]


def test_the_description_says_what_needs_a_key(application: RestrictedApplication) -> None:
    api = call(application, "GET", "/openapi.json", KEY).json()
    assert api["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert api["security"] == [{"key": []}]
    for path, operations in api["paths"].items():
        for operation in operations.values():
            assert (operation.get("security") == []) is (path in OPEN_PATHS), path
            assert ("401" in operation["responses"]) is (path not in OPEN_PATHS), path


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_without_keys_this_machine_is_answered(service: Service, host: str) -> None:
    settings = service.settings.model_copy(update={"host": host})
    made = build_application(replace(service, settings=settings))
    assert isinstance(made, RestrictedApplication)
    assert call(made, "POST", "/predict", json=service.signature.example).status_code == 200
    assert call(made, "GET", "/docs").status_code == 200


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "10.0.0.7", "localhost.example.com", "::ffff:10.0.0.7"],  # noqa: S104 - what is refused
)
def test_without_keys_nobody_else_is(service: Service, host: str) -> None:
    settings = service.settings.model_copy(update={"host": host})
    with pytest.raises(ValueError, match="SERVICE_KEYS_FILE"):
        build_application(replace(service, settings=settings))


def test_a_gate_is_asked_on_this_machine_too(service: Service, gate: Callable[..., Gate]) -> None:
    made = RestrictedApplication(service, [], lambda _: {}, gate())
    assert call(made, "GET", "/v2").status_code == 401
