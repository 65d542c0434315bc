"""Cases that a release may meet: the cluster's queries, by promtool, and the rehearsal agree."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.canary.analysis import Verdict, measure
from __package__.canary.figures import Figures
from __package__.canary.manifests import read_limits

DEPLOY = Path(__file__).parents[2] / "deploy"
SPEC: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / "analysis.yaml").read_text())["spec"]
JOB: str = yaml.safe_load((DEPLOY / "base" / "rollout.yaml").read_text())["metadata"]["name"]
MINUTES = 6
EVEN = {n / 20: n / 20 for n in range(1, 20)}

pytestmark = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed: no query is tried"
)


def version(
    calls: float = 0,
    failed: float = 0,
    refused: float = 0,
    slow: float = 0,
    restarts: float = 0,
    below: Mapping[float, float] = EVEN,
) -> Figures:
    """What a version did in six minutes; `below` are shares of its predictions by bound."""
    values = {bound: share * calls for bound, share in below.items()} | {inf: calls}
    return Figures(calls, failed, refused, slow, values, restarts)


OLD = version(4800, refused=24)
CASES: dict[str, tuple[Figures, Figures, dict[str, Verdict]]] = {
    "as good": (OLD, version(1200, refused=6), {}),
    "1 in 20 fails": (OLD, version(1140, failed=60), {"errors": Verdict.FAILED}),
    "1 in 10 is slow": (OLD, version(1200, slow=120), {"slow": Verdict.FAILED}),
    "3 in 5 do not fit": (OLD, version(1200, refused=1800), {"refused": Verdict.FAILED}),
    "it dies": (OLD, version(1200, restarts=2), {"restarts": Verdict.FAILED}),
    "both die": (replace(OLD, restarts=1), version(1200, restarts=1), {}),
    "far away": (
        OLD,
        version(1200, below={bound: min(1, bound + 0.4) for bound in EVEN}),
        {"distance": Verdict.FAILED},
    ),
    "no bound in common": (
        OLD,
        version(1200, below={n / 7: 0.0 for n in range(1, 7)}),
        {"distance": Verdict.INCONCLUSIVE},
    ),
    "a bound more": (
        OLD,
        version(1200, below=EVEN | {0.01: 0.01}),
        {"distance": Verdict.INCONCLUSIVE},
    ),
    "a rare event": (
        version(4800, below=dict.fromkeys(EVEN, 1.0)),
        version(1200, below=dict.fromkeys(EVEN, 1.0)),
        {"distance": Verdict.INCONCLUSIVE},
    ),
    "the old version fails": (
        version(0, failed=4800),
        version(1200),
        {"slow": Verdict.INCONCLUSIVE, "distance": Verdict.INCONCLUSIVE},
    ),
    "few calls": (
        OLD,
        version(240),
        dict.fromkeys(("errors", "refused", "slow", "distance"), Verdict.INCONCLUSIVE),
    ),
}


def series(revision: str, done: Figures) -> list[dict[str, str]]:
    """Counters that have risen for six minutes and longer, and went on to rise."""
    pod = f'job="{JOB}", namespace="n", revision="{revision}", instance="{revision}"'

    def rising(name: str, count: float, label: str = "") -> tuple[str, str]:
        return name + "{" + pod + label + "}", f"0+{count / MINUTES}x20"

    rows = [
        rising("prediction_duration_seconds_count", done.answered),
        rising("prediction_duration_seconds_bucket", done.answered - done.slow, ', le="0.05"'),
        rising("requests_refused_total", done.failed, ', reason="internal_error"'),
        rising("requests_refused_total", done.refused, ', reason="invalid_input"'),
    ]
    for bound, count in done.values.items():
        le = "+Inf" if bound == inf else f"{bound:g}"
        rows.append(rising("predicted_value_bucket", count, f', le="{le}"'))
    starts = [100 + start for start in range(int(done.restarts) + 1)]
    started = " ".join([f"100x{20 - len(starts)}", *(f"{start}" for start in starts)])
    rows.append(("process_start_time_seconds{" + pod + "}", started))
    return [{"series": name, "values": values} for name, values in rows]


def query_of(metric: dict[str, Any]) -> str:
    values = {each["name"]: each.get("value") for each in SPEC["args"]}
    values |= {"canary": "new", "stable": "old", "namespace": "n"}
    query: str = metric["provider"]["prometheus"]["query"]
    return re.sub(r"\{\{args\.([\w-]+)\}\}", lambda found: str(values[found[1]]), query)


@pytest.mark.parametrize("case", CASES)
def test_the_cluster_decides_as_the_rehearsal_does(case: str, tmp_path: Path) -> None:
    stable, canary, special = CASES[case]
    measured = {one.name: one for one in measure(canary, stable, read_limits())}
    verdicts = {name: one.verdict for name, one in measured.items()}
    assert verdicts == dict.fromkeys(verdicts, Verdict.SUCCESSFUL) | special
    questions = []
    for metric in SPEC["metrics"]:
        one, query = measured[metric["name"]], query_of(metric)
        wanted = one.difference if metric["name"] == "restarts" else one.margins
        # Where the rehearsal has no number, the cluster has none either, or none that compares.
        near = f"abs(({query}) - ({wanted})) < bool 0.001"
        missing = f"absent(({query}) < Inf)"
        questions.append(
            {
                "expr": missing if wanted is None else near,
                "eval_time": "20m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        )
    rules = str(DEPLOY / "monitoring" / "alerts.yaml")
    tests = [
        {
            "interval": "1m",
            "input_series": series("old", stable) + series("new", canary),
            "promql_expr_test": questions,
        }
    ]
    path = tmp_path / "cases.yaml"
    content = {"rule_files": [rules], "evaluation_interval": "15s", "tests": tests}
    path.write_text(yaml.safe_dump(content))
    command = ["promtool", "test", "rules", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    assert result.returncode == 0, result.stdout + result.stderr
