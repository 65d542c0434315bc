"""The Rollout, its analyses and its services name each other, and the job runs the command."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__ import verify

DEPLOY = Path(__file__).parents[2] / "deploy"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / name).read_text())
    return document


STRATEGY = read("rollout.yaml")["spec"]["strategy"]["blueGreen"]
VERIFY, AFTER = read("analysis-verify.yaml"), read("analysis-after-switch.yaml")
JOB = VERIFY["spec"]["metrics"][0]["provider"]["job"]["spec"]
POD = JOB["template"]
AFTER_METRICS: list[dict[str, Any]] = AFTER["spec"]["metrics"]
LOOK_S = 360


def test_the_strategy_switches_between_the_two_services() -> None:
    assert STRATEGY["activeService"] == read("service.yaml")["metadata"]["name"]
    assert STRATEGY["previewService"] == read("service-preview.yaml")["metadata"]["name"]
    active, preview = (read(name)["spec"] for name in ("service.yaml", "service-preview.yaml"))
    assert active == preview


@pytest.mark.parametrize(
    ("moment", "template"), [("prePromotionAnalysis", VERIFY), ("postPromotionAnalysis", AFTER)]
)
def test_the_strategy_names_the_analyses_and_gives_what_they_ask_for(
    moment: str, template: dict[str, Any]
) -> None:
    assert STRATEGY[moment]["templates"] == [{"templateName": template["metadata"]["name"]}]
    given = {argument["name"] for argument in STRATEGY[moment].get("args", [])}
    arguments = template["spec"].get("args", [])
    assert given == {argument["name"] for argument in arguments if "value" not in argument}
    used = set(re.findall(r"args\.([a-z]+)", yaml.safe_dump(template["spec"]["metrics"])))
    assert used == {argument["name"] for argument in arguments}


def test_the_old_version_runs_until_the_analysis_after_the_switch_has_ended() -> None:
    longest = max(LOOK_S + 10 * metric["consecutiveErrorLimit"] for metric in AFTER_METRICS)
    assert longest < STRATEGY["scaleDownDelaySeconds"] * 0.75
    assert STRATEGY["scaleDownDelayRevisionLimit"] == 1


def test_the_cluster_gives_both_analyses_the_time_that_they_need() -> None:
    """Argo counts them towards the deadline: from the start of the pods, and from the switch."""
    deadline = read("rollout.yaml")["spec"]["progressDeadlineSeconds"]
    start_s = 600
    assert start_s + JOB["activeDeadlineSeconds"] < deadline
    for metric in AFTER_METRICS:
        assert LOOK_S + 10 * metric["consecutiveErrorLimit"] < deadline


@pytest.mark.parametrize("metric", AFTER_METRICS, ids=lambda metric: metric["name"])
def test_there_is_one_look_and_without_a_result_nothing_is_decided(metric: dict[str, Any]) -> None:
    assert (metric["initialDelay"], metric["count"]) == (f"{LOOK_S // 60}m", 1)
    assert metric["successCondition"] == "len(result) > 0 && result[0] < -1.0"
    assert metric["failureCondition"] == "len(result) > 0 && result[0] > 1.0"
    assert "inconclusiveLimit" not in metric
    query = metric["provider"]["prometheus"]["query"]
    # The five minutes that are asked for lie behind the switch, the others before a verification.
    assert set(re.findall(r":increase(\w+)\{", query)) == {"5m"}
    assert set(re.findall(r"offset (\w+)", query)) == {"12m"}
    assert LOOK_S >= 300
    assert JOB["activeDeadlineSeconds"] <= 720 - LOOK_S


def test_the_job_runs_the_command_against_both_services(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(tmp_path))
    [container] = POD["spec"]["containers"]
    program, option, module, *arguments = container["args"]
    assert (program, option) == ("python", "-m")
    assert module == verify.__name__
    assert verify.main(arguments) == 1
    assert "examples.json is missing" in capsys.readouterr().out
    names = [argument.rpartition("//")[2] for argument in arguments]
    assert names == [STRATEGY["activeService"], STRATEGY["previewService"]]


def test_the_pod_of_the_job_is_none_of_the_service_and_keeps_the_restricted_standard() -> None:
    label = "app.kubernetes.io/name"
    selected = read("service.yaml")["spec"]["selector"][label]
    policy = read("networkpolicy-verify.yaml")["spec"]
    assert POD["metadata"]["labels"][label] != selected
    assert policy["podSelector"]["matchLabels"] == POD["metadata"]["labels"]
    assert {label: selected} in [
        target.get("podSelector", {}).get("matchLabels")
        for rule in policy["egress"]
        for target in rule["to"]
    ]
    spec = POD["spec"]
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert JOB["backoffLimit"] == 0
    assert "serviceAccountName" not in spec


def test_an_evicted_pod_of_the_job_refuses_nobody() -> None:
    [rule] = JOB["podFailurePolicy"]["rules"]
    evicted = {"type": "DisruptionTarget", "status": "True"}
    assert rule == {"action": "Ignore", "onPodConditions": [evicted]}
    assert POD["spec"]["restartPolicy"] == "Never"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_job_has_the_image_and_the_settings_of_the_rollout(environment: str) -> None:
    built = subprocess.run(  # noqa: S603 - a folder of this repository
        ["kubectl", "kustomize", DEPLOY / "overlays" / environment],  # noqa: S607 - on the PATH
        capture_output=True,
        text=True,
        check=True,
    )
    documents = list(yaml.safe_load_all(built.stdout))
    [rollout] = [each for each in documents if each["kind"] == "Rollout"]
    jobs = [
        metric["provider"]["job"]["spec"]
        for each in documents
        if each["kind"] == "AnalysisTemplate"
        for metric in each["spec"]["metrics"]
        if "job" in metric["provider"]
    ]
    wanted, found = (
        [(row["image"], row["envFrom"]) for row in pod["template"]["spec"]["containers"]]
        for pod in (rollout["spec"], *jobs)
    )
    assert found == wanted
