"""Alert rules, dashboard and runbook agree with each other and with what the service exports."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from __package__.registry import registry_of
from __package__.service import Service

ROOT = Path(__file__).parents[1]
MONITORING = ROOT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
PANELS: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
PANEL_QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES: list[str] = [rule["expr"] for rule in RULES] + PANEL_QUERIES
OTHERS = {
    "up",
    "rollout_info",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
}
"""Of Prometheus itself, the controller of rollouts, the kubelet, and kube-state-metrics."""
CASES: list[dict[str, Any]] = [
    case
    for path in sorted((MONITORING / "tests").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["tests"]
    for case in group.get("alert_rule_test", [])
]
METRIC = re.compile(r"([a-z][a-z0-9_:]*)\{")


@pytest.fixture
def known(service: Service) -> set[str]:
    """What a query can find: what the service shows, the gauges of its parts, recorded series."""
    shown = registry_of(service.observers, service.gauges)
    scrape = {sample.name for family in shown.collect() for sample in family.samples}
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    gauges = set(re.findall(r'Gauge\(\s*(?:name=)?"([a-z_]+)"', source))
    return scrape | gauges | {rule["record"] for rule in RULES if "record" in rule} | OTHERS


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_is_promql(query: str) -> None:
    # A dashboard's variables stand for durations.
    promql_parser.parse(re.sub(r"\$\w+", "5m", query))


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_of_a_query_exists(query: str, known: set[str]) -> None:
    metrics = set(METRIC.findall(query))
    assert metrics
    assert metrics <= known


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_pages_or_opens_a_ticket_and_has_its_entry_in_the_runbook(
    rule: dict[str, Any],
) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    anchor = rule["annotations"]["runbook_url"].partition("#")[2]
    assert anchor == rule["alert"].lower()
    assert f"## {rule['alert']}\n" in (ROOT / "docs" / "runbook.md").read_text()


def test_only_production_pages() -> None:
    overlay = ROOT / "deploy" / "overlays" / "production" / "kustomization.yaml"
    production = yaml.safe_load(overlay.read_text())["namespace"]
    for rule in ALERTS:
        selectors = re.findall(r"\{(.*?)\}", rule["expr"])
        is_production = [f'namespace="{production}"' in selector for selector in selectors]
        assert rule["labels"]["severity"] != "page" or (selectors and all(is_production)), rule


def test_every_entry_of_the_runbook_belongs_to_an_alert() -> None:
    headings = re.findall("^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in ALERTS)


def test_panels_do_not_overlap() -> None:
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in PANELS
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("name", [rule["alert"] for rule in ALERTS])
def test_every_alert_has_series_that_fire_it_and_series_that_do_not(name: str) -> None:
    fires = {bool(case.get("exp_alerts")) for case in CASES if case["alertname"] == name}
    assert fires == {True, False}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_rules_fire_when_they_must_and_only_then() -> None:
    cases = sorted((MONITORING / "tests").glob("*.yaml"))
    result = subprocess.run(  # noqa: S603 - files of this repository
        ["promtool", "test", "rules", *cases],  # noqa: S607 - whichever is on the PATH
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
