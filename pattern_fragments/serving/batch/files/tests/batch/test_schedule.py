"""The manifests of the schedule agree with the command, its exit codes and its settings."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__ import score

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "base"


@pytest.fixture
def cron_job() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((BASE / "cronjob.yaml").read_text())
    return document


def test_two_runs_never_overlap(cron_job: dict[str, Any]) -> None:
    assert cron_job["spec"]["concurrencyPolicy"] == "Forbid"
    assert cron_job["spec"]["timeZone"] == "Etc/UTC"


def test_only_what_a_second_try_can_mend_is_tried_again(cron_job: dict[str, Any]) -> None:
    job = cron_job["spec"]["jobTemplate"]["spec"]
    rules = {rule["action"]: rule for rule in job["podFailurePolicy"]["rules"]}
    final = rules["FailJob"]["onExitCodes"]["values"]
    assert score.TOO_MANY_BAD_ROWS in final
    assert score.WRONG in final
    assert score.FAILED not in final
    # Kubernetes knows failure policies for pods that are not restarted in place.
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_input_and_output_lie_on_the_volume(cron_job: dict[str, Any]) -> None:
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    claim = yaml.safe_load((BASE / "persistentvolumeclaim.yaml").read_text())
    name = claim["metadata"]["name"]
    [volume] = [
        volume
        for volume in pod["volumes"]
        if volume.get("persistentVolumeClaim") == {"claimName": name}
    ]
    [container] = pod["containers"]
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == volume["name"]]
    lines = (ROOT / "Dockerfile").read_text().replace("\\", "").split()
    paths = dict(
        line.split("=", 1) for line in lines if line.startswith(("SERVICE_INPUT", "SERVICE_OUTPUT"))
    )
    assert set(paths) == {"SERVICE_INPUT", "SERVICE_OUTPUT"}
    assert all(path.startswith(f"{mount['mountPath']}/") for path in paths.values())


def test_the_pod_runs_the_command(cron_job: dict[str, Any]) -> None:
    [container] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["python", "-m", score.__name__]


def test_nobody_may_call_the_job_and_it_may_reach_named_ports_alone(
    cron_job: dict[str, Any],
) -> None:
    policy = yaml.safe_load((BASE / "networkpolicy.yaml").read_text())["spec"]
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == []
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert {53, 443} <= ports <= {53, 443, 9091}
    resources = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert "networkpolicy.yaml" in resources


def test_as_many_parts_are_scored_at_once_as_the_limit_has_cores(cron_job: dict[str, Any]) -> None:
    [container] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    sources = {each["name"]: each.get("valueFrom") for each in container["env"]}
    assert sources["SERVICE_WORKERS"] == {"resourceFieldRef": {"resource": "limits.cpu"}}


def test_the_image_runs_the_command() -> None:
    command = f'CMD ["python", "-m", "{score.__name__}"]'
    assert command in (ROOT / "Dockerfile").read_text()
