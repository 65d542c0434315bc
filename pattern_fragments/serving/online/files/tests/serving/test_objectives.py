"""The rules and panels about requests measure what callers feel, and the service exports it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from __package__.metrics import DURATION_BUCKETS_S, SERVICE_FAULTS

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
PANEL_QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES: list[str] = [rule["expr"] for rule in RULES] + PANEL_QUERIES
METRIC = re.compile(r"([a-z][a-z0-9_:]*)\{")
RECORDED = "namespace_job:"
"""How the recorded rules of the objectives begin, by what they keep."""


def test_the_error_budget_is_spent_by_the_service_s_own_faults() -> None:
    refused = re.compile(r'requests_refused_total\{[^}]*reason=~"([^"]+)"')
    reasons = {reason for query in QUERIES for reason in refused.findall(query)}
    assert reasons == {"|".join(SERVICE_FAULTS)}


def test_every_ratio_that_is_alerted_on_has_a_panel() -> None:
    recorded = [rule["record"] for rule in RULES if "record" in rule]
    ratios = {name.rpartition(":")[0] for name in recorded if name.startswith(RECORDED)}
    shown = {name.rpartition(":")[0] for query in PANEL_QUERIES for name in METRIC.findall(query)}
    assert ratios
    assert ratios <= shown


def test_the_thresholds_of_latency_are_buckets() -> None:
    edges = {float(edge) for query in QUERIES for edge in re.findall(r'le="([^"]+)"', query)}
    assert edges <= set(DURATION_BUCKETS_S)
