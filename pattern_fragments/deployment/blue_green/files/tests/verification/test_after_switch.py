"""What is asked after the switch, by promtool, of series that are made up."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

BASE = Path(__file__).parents[2] / "deploy" / "base"
SPEC: dict[str, Any] = yaml.safe_load((BASE / "analysis-after-switch.yaml").read_text())["spec"]
NAME: str = yaml.safe_load((BASE / "rollout.yaml").read_text())["metadata"]["name"]
METRICS = {each["name"]: each["provider"]["prometheus"]["query"] for each in SPEC["metrics"]}
SWITCH = 20
"""In minutes; the look is six minutes later."""

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def query(name: str) -> str:
    """The query as Argo Rollouts asks it."""
    values = {each["name"]: each.get("value") for each in SPEC["args"]}
    values |= {"revision": "new", "stable": "old", "namespace": "n"}
    return re.sub(r"\{\{args\.([\w-]+)\}\}", lambda found: str(values[found[1]]), METRICS[name])


def series(revision: str, calls: int, failed: int, slow: int, begins: int) -> list[dict[str, str]]:
    """Counters that rise each minute from `begins` on, by so many."""
    pods = f'job="{NAME}", namespace="n", revision="{revision}", instance="{revision}"'
    counters = [
        ("prediction_duration_seconds_count", "", calls),
        ("prediction_duration_seconds_bucket", ', le="0.05"', calls - slow),
        ("requests_refused_total", ', reason="internal_error"', failed),
        ("requests_refused_total", ', reason="invalid_input"', calls),
    ]
    waits = f"0x{begins - 1} " if begins else ""
    return [
        {"series": name + "{" + pods + label + "}", "values": f"{waits}0+{rise}x{40 - begins}"}
        for name, label, rise in counters
    ]


def holds(folder: Path, condition: str, rows: list[dict[str, str]], expected: list[int]) -> bool:
    """Whether promtool finds what is expected: 1 true, 0 false; none: there is no result."""
    asked = {
        "expr": condition,
        "eval_time": f"{SWITCH + 6}m",
        "exp_samples": [{"labels": "{}", "value": value} for value in expected],
    }
    test = {"interval": "1m", "input_series": rows, "promql_expr_test": [asked]}
    rules = str(BASE.parent / "monitoring" / "alerts.yaml")
    path = folder / "after_switch.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [rules], "tests": [test]}))
    command = ["promtool", "test", "rules", str(path)]
    result = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - of this test
    return result.returncode == 0


OLD = series("old", calls=600, failed=0, slow=6, begins=0)
UNWELL = series("old", calls=600, failed=60, slow=6, begins=0)


@pytest.mark.parametrize(
    ("name", "old", "new", "fails", "succeeds"),
    [
        ("failed", OLD, series("new", 600, 0, 6, SWITCH), [0], [1]),
        ("failed", OLD, series("new", 600, 30, 6, SWITCH), [1], [0]),
        ("failed", OLD, series("new", 600, 6, 6, SWITCH), [0], [0]),
        ("failed", UNWELL, series("new", 600, 60, 6, SWITCH), [0], [0]),
        ("failed", OLD, series("new", 70, 1, 0, SWITCH), [0], [0]),
        ("failed", OLD, series("new", 16, 1, 0, SWITCH), [], []),
        ("failed", OLD, [], [], []),
        ("failed", [], series("new", 600, 0, 6, SWITCH), [], []),
        ("slow", OLD, series("new", 600, 0, 6, SWITCH), [0], [1]),
        ("slow", OLD, series("new", 600, 0, 60, SWITCH), [1], [0]),
        ("slow", OLD, [], [], []),
    ],
    ids=[
        "as good",
        "one in twenty fails",
        "at the limit",
        "both are hit by an incident",
        "some failures among few calls",
        "too few calls",
        "a version that nobody can measure",
        "nothing known of the one before",
        "as fast",
        "one in ten is slow",
        "latencies that nobody can measure",
    ],
)
def test_a_version_goes_back_or_stays_only_when_it_is_sure(
    tmp_path: Path,
    name: str,
    old: list[dict[str, str]],
    new: list[dict[str, str]],
    fails: list[int],
    succeeds: list[int],
) -> None:
    assert holds(tmp_path, f"({query(name)}) > bool 1", old + new, fails)
    assert holds(tmp_path, f"({query(name)}) < bool -1", old + new, succeeds)


def test_the_requests_of_the_verification_do_not_count(tmp_path: Path) -> None:
    """It ends with the switch: 520 answers in a minute, to both versions."""
    quiet = series("new", calls=10, failed=0, slow=0, begins=SWITCH - 1)
    for row in quiet:
        row["values"] = f"0x{SWITCH - 2} 0 520 520+10x20"
    assert holds(tmp_path, query("failed"), OLD + quiet, [])
