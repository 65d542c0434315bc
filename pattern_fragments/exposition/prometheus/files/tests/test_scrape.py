"""The endpoint that Prometheus scrapes, and the pods it scrapes in the cluster."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.responses import Response

from __package__.scrape import scrape

SCRAPE = Path(__file__).parents[1] / "deploy" / "monitoring" / "scrape.yaml"


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc()
    return registry


def get(registry: CollectorRegistry, accept: str) -> Response:
    scope = {"type": "http", "method": "GET", "headers": [(b"accept", accept.encode())]}
    return scrape(registry)(Request(scope))


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/plain;version=0.0.4"])
def test_prometheus_text_is_the_default(registry: CollectorRegistry, accept: str) -> None:
    response = get(registry, accept)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"things_total 1.0\n" in response.body
    assert b"# EOF" not in response.body


def test_openmetrics_is_given_to_those_who_ask(registry: CollectorRegistry) -> None:
    response = get(registry, "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert bytes(response.body).endswith(b"# EOF\n")


@pytest.mark.parametrize(
    "accept",
    ["application/openmetrics-text;version=latest", "text/plain;version=x.y", ";;=,", "\xff"],
)
def test_an_odd_accept_header_is_no_error(registry: CollectorRegistry, accept: str) -> None:
    response = get(registry, accept)
    assert response.status_code == 200
    assert b"things_total 1.0\n" in response.body


@pytest.mark.parametrize(
    ("phase", "port", "is_scraped"),
    [
        ("Running", "http", True),
        ("Running", "other", False),
        ("Succeeded", "http", False),
        ("Failed", "http", False),
    ],
)
def test_pods_are_scraped_at_their_port_until_they_have_ended(
    phase: str, port: str, is_scraped: bool
) -> None:
    pod = {
        "__meta_kubernetes_pod_phase": phase,
        "__meta_kubernetes_pod_container_port_name": port,
    }
    jobs = yaml.safe_load(SCRAPE.read_text())["scrape_configs"]
    assert jobs
    for job in jobs:
        rules = [rule for rule in job["relabel_configs"] if rule.get("action") in {"keep", "drop"}]
        kept = [
            bool(re.fullmatch(rule["regex"], pod[rule["source_labels"][0]]))
            == (rule["action"] == "keep")
            for rule in rules
        ]
        assert all(kept) == is_scraped
