"""What Argo Rollouts asks Prometheus is there: series that a rule of this repository records."""

import re
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
QUERIES: list[str] = [
    metric["provider"]["prometheus"]["query"]
    for path in sorted((DEPLOY / "base").glob("analysis*.yaml"))
    for metric in yaml.safe_load(path.read_text())["spec"]["metrics"]
    if "prometheus" in metric["provider"]
]


@pytest.mark.parametrize("query", QUERIES)
def test_every_series_that_a_rollout_is_judged_by_is_recorded(query: str) -> None:
    groups = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())["groups"]
    recorded = {rule.get("record") for group in groups for rule in group["rules"]}
    asked = set(re.findall(r"([a-z][\w:]*)\{", query.replace("{" + "{", "")))
    assert asked
    assert asked <= recorded


def test_a_rollout_is_judged_by_prometheus() -> None:
    assert QUERIES
