"""The rules of Prometheus compute what the code computes."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from __package__.drift.counts import WINDOWS
from __package__.drift.effect_size import LEAST_SHARE, psi
from __package__.drift.limits import MIN_ROWS

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = next(
    group["rules"]
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    if group["name"] == "drift"
)
QUERIES = [rule["expr"] for rule in RULES]


def test_an_empty_bin_counts_as_much() -> None:
    least = [text for query in QUERIES for text in re.findall(r"clamp_min\(.*?, ([\d.]+)\)", query)]
    assert least
    assert {float(text) for text in least} == {LEAST_SHARE}


def test_as_many_rows_are_enough() -> None:
    enough = [text for query in QUERIES for text in re.findall(r">= (\d+)", query)]
    assert enough
    assert {int(text) for text in enough} == {MIN_ROWS}


def test_whatever_is_compared_has_limits_that_training_measured() -> None:
    compared = [(rule["alert"], rule["expr"]) for rule in RULES if "alert" in rule]
    assert len(compared) == 3
    for name, query in compared:
        assert "> max by (namespace, job, model_version, feature) (drift_psi_limit" in query, name


def test_every_window_of_a_rule_has_its_limits() -> None:
    windows = {text for query in QUERIES for text in re.findall(r'window="(\w+)"', query)}
    assert windows
    assert windows <= set(WINDOWS)


def test_whatever_an_alert_compares_stands_on_a_panel() -> None:
    pair = re.compile(r'window="(\w+)", against="(\w+)"')
    dashboard = (MONITORING / "dashboard.json").read_text().replace('\\"', '"')
    compared = {found for query in QUERIES for found in pair.findall(query)}
    assert len(compared) >= 3
    assert compared <= set(pair.findall(dashboard))


def test_the_example_that_promtool_computes_has_the_same_psi_here() -> None:
    (case, *_) = next(
        yaml.safe_load(path.read_text())["tests"] for path in MONITORING.glob("tests/drift*.yaml")
    )
    expected = {
        sample["value"] for test in case["promql_expr_test"] for sample in test["exp_samples"]
    }
    found = psi(np.array([600, 300, 0]), np.array([0.5, 0.3, 0.2]), np.array([0]))
    assert expected == {round(1000 * found[0])}
    shares = [
        float(row["values"].partition("x")[0])
        for row in case["input_series"]
        if row["series"].startswith("drift_reference_share")
    ]
    assert shares == pytest.approx([0.5, 0.3, 0.2])
