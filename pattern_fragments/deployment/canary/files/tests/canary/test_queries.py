"""What the cluster would ask: a real Prometheus, with the rules, beside two running versions."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.canary import figures
from __package__.canary.analysis import Verdict, measure
from __package__.canary.manifests import read_limits
from __package__.model_folder import ModelFolder
from __package__.rehearsal.load import Load
from __package__.rehearsal.processes import Faults, Server
from __package__.rehearsal.traffic import Traffic

DEPLOY = Path(__file__).parents[2] / "deploy"
ANALYSIS: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / "analysis.yaml").read_text())["spec"]
JOB: str = yaml.safe_load((DEPLOY / "base" / "rollout.yaml").read_text())["metadata"]["name"]
LIMITS = replace(read_limits(), enough=40)

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus"),
    reason="prometheus is not installed: the queries of the analysis are not tried",
)


@contextmanager
def prometheus(folder: Path, versions: dict[str, Server]) -> Iterator[str]:
    """The address of a Prometheus that scrapes and records every second."""
    rules = (DEPLOY / "monitoring" / "alerts.yaml").read_text().replace("interval: 15s", "")
    (folder / "alerts.yaml").write_text(rules)
    targets = [
        {
            "targets": [urllib.parse.urlsplit(server.url).netloc],
            "labels": {"namespace": "rehearsal", "revision": revision},
        }
        for revision, server in versions.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "alerts.yaml")],
        "scrape_configs": [{"job_name": JOB, "static_configs": targets}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yaml'}"),
        *(f"--storage.tsdb.path={folder / 'series'}", f"--web.listen-address={address}"),
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)  # noqa: S603 - installed on this machine
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def ask(prometheus: str, query: str) -> float | None:
    """The one value of a query; none while there is none."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of this machine
            found = json.load(answer)["data"]["result"]
    except OSError:
        return None
    assert len(found) <= 1
    return float(found[0]["value"][1]) if found else None


def wait_for(prometheus: str, query: str, value: float) -> None:
    deadline = time.monotonic() + 30
    while ask(prometheus, query) != value:
        assert time.monotonic() < deadline, f"{query} is {ask(prometheus, query)}, not {value}"
        time.sleep(0.2)


def query_of(metric: dict[str, Any]) -> str:
    """The query as Argo Rollouts asks it."""
    values = {each["name"]: each.get("value") for each in ANALYSIS["args"]}
    values |= {"canary": "new", "stable": "old", "namespace": "rehearsal"}
    values["enough"] = str(LIMITS.enough)
    query: str = metric["provider"]["prometheus"]["query"]
    return re.sub(r"\{\{args\.([\w-]+)\}\}", lambda found: str(values[found[1]]), query)


def scrape(server: Server) -> figures.Figures:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=5) as answer:  # noqa: S310 - of this machine
        return figures.read(answer.read().decode(), LIMITS.slow_after)


def test_the_queries_of_the_cluster_and_the_rehearsal_say_the_same(
    model_folder: ModelFolder, tmp_path: Path
) -> None:
    traffic = Traffic.after_test_of(model_folder.path, days=1)
    faults = Faults(delay_s=0.06, fail_share=0.2)
    with (
        Server(model_folder.path, tmp_path / "old" / "log") as old,
        Server(model_folder.path, tmp_path / "new" / "log", faults) as new,
        prometheus(tmp_path, {"old": old, "new": new}) as address,
    ):
        # Counted from 0 on: what was there at the first scrape is no increase.
        wait_for(address, "count(count_over_time(predicted_value_count[1m]) > 1)", 2)
        with Load(old.url, traffic, 25), Load(new.url, traffic, 12):
            time.sleep(5)
        canary, stable = scrape(new), scrape(old)
        total = canary.answered + stable.answered
        wait_for(address, "sum(predicted_value_count)", total)
        time.sleep(2)  # the rules record, too
        expected = {one.name: one for one in measure(canary, stable, LIMITS)}
        for metric in ANALYSIS["metrics"]:
            said = ask(address, query_of(metric))
            # increase() reckons with what may have come before the first and after the last scrape.
            name = metric["name"]
            is_count = name == "restarts"
            wanted = expected[name].difference if is_count else expected[name].margins
            assert said == pytest.approx(wanted, rel=0.1), name
        verdicts = {name: one.verdict for name, one in expected.items()}
        assert verdicts["slow"] is Verdict.FAILED
