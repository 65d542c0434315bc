"""What alerts, dashboards and analyses ask for is what a running service shows: names and labels, from its scrape."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from proof.containers.processes import key, redis, started
from proof.containers.services import PACKAGE, Built, prepare, service
from proof.containers.tests.conftest import Record

EVERYTHING = ("system", "data_quality", "drift", "performance")
SERVED: dict[str, dict[str, str | tuple[str, ...]]] = {
    "online": {"serving": "online", "deployment": "canary", "monitoring": EVERYTHING, "risk": "regulated"},
    "streaming": {"serving": "streaming", "monitoring": EVERYTHING, "risk": "regulated"},
}
OTHERS = re.compile(r"up|rollout_info|kube_\w+")
"""Of Prometheus itself and of the cluster: the controller of rollouts, kube-state-metrics."""
GIVEN = {"instance", "job", "namespace", "pod", "revision"}
"""Labels that a scrape gives, and that of histograms; see deploy/monitoring/scrape.yaml."""
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+", re.MULTILINE)
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
PATIENCE_S = 90.0


def queries(folder: Path) -> list[str]:
    """Every query of a service: of its rules, its dashboard, and its analysis."""
    rules = yaml.safe_load((folder / "deploy/monitoring/alerts.yaml").read_text())["groups"]
    found = [rule["expr"] for group in rules for rule in group["rules"]]
    panels = json.loads((folder / "deploy/monitoring/dashboard.json").read_text())["panels"]
    found += [target["expr"] for panel in panels for target in panel["targets"]]
    for path in (folder / "deploy/base").glob("analysis*.yaml"):
        metrics = yaml.safe_load(path.read_text())["spec"]["metrics"]
        found += [one["provider"]["prometheus"]["query"] for one in metrics if "prometheus" in one["provider"]]
    return found


def asked(folder: Path) -> dict[str, set[str]]:
    """The labels that queries name, by metric; what rules record is not among them."""
    found: dict[str, set[str]] = defaultdict(set)
    for query in queries(folder):
        # An argument of an analysis stands in braces, too.
        for name, matchers in SELECTOR.findall(re.sub(r"\{\{.*?\}\}", "x", query)):
            if ":" not in name and not OTHERS.fullmatch(name):
                found[name] |= set(LABEL.findall(matchers))
    return found


def shown(scrape: str) -> dict[str, set[str]]:
    """The labels of samples, by metric, as /metrics shows them."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, labels in SAMPLE.findall(scrape):
        found[name] |= set(LABEL.findall(labels))
    return found


def test_queries_and_samples_are_read() -> None:
    assert shown('a_total{b="1",c="x y"} 2.0\nd 3\n') == {"a_total": {"b", "c"}, "d": set()}
    assert dict(SELECTOR.findall('sum(rate(a_total{b="1", c=~"2|3"}[5m]))')) == {"a_total": 'b="1", c=~"2|3"'}


@pytest.fixture(scope="module", params=SERVED)
def used(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Built, str]]:
    """A service with everything that watches, used for a while, and what its /metrics shows then."""
    chosen = service(**SERVED[request.param])
    image = Built(chosen, prepare(chosen), "")
    folder = tmp_path_factory.mktemp("used")
    settings = {"SERVICE_PORT": "0", "SERVICE_PERFORMANCE_SUMMARY": str(summary(image, folder))}
    for name in ("audit_dir", "prediction_log"):
        settings[f"SERVICE_{name.upper()}"] = str(folder / name)
    with ExitStack() as stack:
        if request.param == "streaming":
            stack.enter_context(redis(settings))
        headers = key(image, folder, settings) if image.style == "online" else {}
        address = stack.enter_context(started(image, folder, settings))
        if image.style == "online":
            ask(address, headers)
        else:
            settings_of_publisher = {"broker_url": settings["SERVICE_BROKER_URL"]}
            image.python("-m", f"{PACKAGE}.publish", "--events", "300", "--rate", "300", **settings_of_publisher)
        # What watches looks every few seconds, in the background.
        deadline = time.monotonic() + PATIENCE_S
        while True:
            scrape = httpx.get(f"{address}/metrics").text
            if asked(image.folder).keys() <= shown(scrape).keys() or time.monotonic() > deadline:
                break
            time.sleep(1)
        yield image, scrape


def summary(image: Built, folder: Path) -> Path:
    """How good past predictions were: of a backtest, as the README tells."""
    days = ("--from", "2013-01-21", "--to", "2013-02-10")
    image.python("-m", f"{PACKAGE}.backtest", *days, "--output", folder / "backtest")
    past = ("--log", folder / "backtest/predictions", "--outcomes", folder / "backtest/outcomes")
    image.python("-m", f"{PACKAGE}.performance", *days, *past, "--summary", folder / "summary.json")
    return folder / "summary.json"


def ask(address: str, headers: dict[str, str]) -> None:
    """Requests that are answered, and some that are not."""
    with httpx.Client(base_url=address, headers=headers) as client:
        body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
        row: dict[str, Any] = body["content"]["application/json"]["examples"]["one row"]["value"]
        for _ in range(50):
            assert client.post("/predict", json=row).status_code == 200
        assert client.post("/predict", json={**row, next(iter(row)): {}}).status_code == 422
        assert client.post("/predict", content=b"{").status_code == 400


def test_what_is_asked_for_is_shown(used: tuple[Built, str], record: Record) -> None:
    image, scrape = used
    wanted, found = asked(image.folder), shown(scrape)
    assert sorted(wanted.keys() - found.keys()) == []
    unknown = {name: labels - found[name] - GIVEN for name, labels in wanted.items()}
    assert {name: sorted(labels) for name, labels in unknown.items() if labels} == {}
    record.facts.append(
        f"Serving {image.style}: the {len(wanted)} metrics that {len(queries(image.folder))} queries of rules,"
        " dashboard and analysis ask for stand in the scrape of a running service, with the labels that they name."
    )
