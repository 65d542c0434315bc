"""The manifests say what the rehearsal does."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.canary.analysis import measure
from __package__.canary.figures import Figures
from __package__.canary.manifests import read_limits, read_weights

BASE = Path(__file__).parents[2] / "deploy" / "base"
ROLLOUT: dict[str, Any] = yaml.safe_load((BASE / "rollout.yaml").read_text())
CANARY: dict[str, Any] = ROLLOUT["spec"]["strategy"]["canary"]
TEMPLATE: dict[str, Any] = yaml.safe_load((BASE / "analysis.yaml").read_text())
ARGUMENTS = {each["name"]: each.get("value") for each in TEMPLATE["spec"]["args"]}
MONITORING = BASE.parent / "monitoring"
GROUPS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
METRICS: list[dict[str, Any]] = TEMPLATE["spec"]["metrics"]
metrics = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric["name"])


def test_shares_grow_and_each_is_judged_before_the_next() -> None:
    weights = read_weights()
    assert weights == sorted(weights)
    kinds = [next(iter(step)) for step in CANARY["steps"]]
    assert kinds == ["setWeight", "analysis"] * len(weights)


def test_the_shares_are_those_of_whole_pods_in_production() -> None:
    """One pod more than the least, or as many: else a share is not what the texts say it is."""
    overlay = BASE.parent / "overlays" / "production"
    pods = yaml.safe_load((overlay / "horizontalpodautoscaler.yaml").read_text())["spec"][
        "minReplicas"
    ]
    possible = {
        100 * canary / together for together in (pods, pods + 1) for canary in range(1, pods)
    }
    assert set(read_weights()) <= possible


def test_a_release_takes_no_capacity_away() -> None:
    assert CANARY["maxUnavailable"] == 0


def test_the_two_services_beside_that_of_the_callers_exist() -> None:
    for key, name in (("canaryService", "canary"), ("stableService", "stable")):
        service = yaml.safe_load((BASE / f"service-{name}.yaml").read_text())
        assert service["metadata"]["name"] == CANARY[key]


def test_every_analysis_is_given_what_the_template_asks_for() -> None:
    wanted = {name for name, value in ARGUMENTS.items() if value is None}
    for step in CANARY["steps"]:
        if "analysis" in step:
            [template] = step["analysis"]["templates"]
            assert template["templateName"] == TEMPLATE["metadata"]["name"]
            assert {each["name"] for each in step["analysis"]["args"]} == wanted


@metrics
def test_a_step_is_judged_once_by_figures_of_that_step_alone(metric: dict[str, Any]) -> None:
    assert metric["count"] == 1
    query = metric["provider"]["prometheus"]["query"]
    [window] = windows = set(re.findall(r"revision:\w+:(?:increase|changes)(\w+)\{", query))
    [scraped] = yaml.safe_load((MONITORING / "scrape.yaml").read_text())["scrape_configs"]
    [recorded_every] = [group["interval"] for group in GROUPS if group["name"] == "canary"]
    late_s = seconds(scraped["scrape_interval"]) + seconds(recorded_every)
    assert seconds(window) + late_s <= seconds(metric["initialDelay"])
    recorded = [rule["expr"] for rule in RULES if rule.get("record", "").startswith("revision:")]
    assert {each for expr in recorded for each in re.findall(r"\[(\w+)\]", expr)} == windows


@metrics
def test_without_a_result_nothing_is_decided_and_prometheus_may_start_anew(
    metric: dict[str, Any],
) -> None:
    success, failure = ("<= 0", "> 0") if metric["name"] == "restarts" else ("< -1", "> 1")
    assert metric["successCondition"] == f"len(result) > 0 && result[0] {success}"
    assert metric["failureCondition"] == f"len(result) > 0 && result[0] {failure}"
    assert "inconclusiveLimit" not in metric
    assert 10 * metric["consecutiveErrorLimit"] >= 300


def test_alert_and_script_wait_longer_than_all_steps_take() -> None:
    steps_s = len(read_weights()) * max(seconds(metric["initialDelay"]) for metric in METRICS)
    [alert] = [rule for rule in RULES if rule.get("alert") == "VersionsSideBySide"]
    script = (BASE.parent / "rollout.py").read_text()
    [watched] = re.findall(r'"--timeout", type=float, default=(\d+)', script)
    assert 2 * steps_s < seconds(alert["for"])
    assert 1.5 * steps_s < int(watched)


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


@metrics
def test_a_query_uses_no_argument_that_is_not_there(metric: dict[str, Any]) -> None:
    query = metric["provider"]["prometheus"]["query"]
    used = set(re.findall(r"\{\{args\.([\w-]+)\}\}", query))
    assert {"canary", "stable", "namespace"} <= used <= ARGUMENTS.keys()
    if metric["name"] != "restarts":
        assert re.search(r" >= \{\{args\.enough\}\}", query)


def test_a_query_is_whole_and_asks_for_one_number() -> None:
    """What can be said of the queries where there is no Prometheus to try them."""
    for metric in METRICS:
        query = metric["provider"]["prometheus"]["query"]
        assert query.count("(") == query.count(")")
        for version in ("canary", "stable"):
            assert re.search('revision="..args.' + version + '.."', query)
        # Every figure is summed up, so that no label is left for which there could be two numbers.
        plain = re.findall(r"(?<!sum\()(?<!sum by \(le\) \()revision:\w+:", query)
        assert not plain


def test_the_rehearsal_measures_what_the_cluster_does_by_limits_that_stand_there() -> None:
    limits = read_limits()
    measured = [one.name for one in measure(Figures(), Figures(), limits)]
    assert measured == [metric["name"] for metric in METRICS]
    given = {name.replace("-", "_") for name, value in ARGUMENTS.items() if value is not None}
    assert given - {"prometheus"} == {field.name for field in fields(limits)} - {"slow_after"}
