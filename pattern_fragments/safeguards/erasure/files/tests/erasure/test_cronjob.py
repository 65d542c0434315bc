"""The jobs that delete what is too old, or what was asked for: commands in the image."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__ import erase, retention

BASE = Path(__file__).parents[2] / "deploy" / "base"
JOB, ERASURE = (
    yaml.safe_load((BASE / f"{name}.yaml").read_text())["spec"] for name in ("retention", "erasure")
)
POD: dict[str, Any] = JOB["jobTemplate"]["spec"]["template"]
LABEL = "app.kubernetes.io/name"


def others() -> list[dict[str, Any]]:
    """The pods of the service's own workload, of whatever kind it is."""
    documents = [
        each
        for path in sorted(BASE.glob("*.yaml"))
        if not path.name.startswith(("retention", "erasure"))
        for each in yaml.safe_load_all(path.read_text())
    ]
    specs = [each["spec"] for each in documents if "spec" in each]
    specs = [spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec for spec in specs]
    return [spec["template"] for spec in specs if "template" in spec]


def test_it_runs_the_command_each_day_and_never_twice_at_once() -> None:
    [container] = POD["spec"]["containers"]
    assert container["args"] == ["python", "-m", retention.__name__]
    assert JOB["concurrencyPolicy"] == "Forbid"
    _minute, _hour, *days = JOB["schedule"].split()
    assert days == ["*"] * 3


def test_an_erasure_never_runs_by_itself_and_reads_the_ids_from_a_secret() -> None:
    assert ERASURE["suspend"] is True
    assert not JOB.get("suspend")
    spec = ERASURE["jobTemplate"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    *command, option, path = container["args"]
    assert (command, option) == (["python", "-m", erase.__name__], "--ids-file")
    mounts = container["volumeMounts"]
    [mount] = [one for one in mounts if Path(path).is_relative_to(one["mountPath"])]
    [volume] = [one for one in spec["volumes"] if one["name"] == mount["name"]]
    assert volume.keys() == {"name", "secret"}
    usual = POD["spec"]["containers"][0]
    for same in ("image", "envFrom", "env", "securityContext"):
        assert container[same] == usual[same]
    assert [one for one in mounts if one != mount] == usual["volumeMounts"]


def test_it_has_the_image_and_the_settings_of_the_service_and_writes_where_that_does() -> None:
    [mine] = POD["spec"]["containers"]
    same = [
        its
        for pod in others()
        for its in pod["spec"]["containers"]
        if its["image"] == mine["image"] and its["envFrom"] == mine["envFrom"]
    ]
    assert same
    mounted = {mount["mountPath"] for mount in mine["volumeMounts"]}
    theirs = {mount["mountPath"] for its in same for mount in its["volumeMounts"]}
    found = re.search(r"SERVICE_PREDICTION_LOG=(\S+)", (BASE.parents[1] / "Dockerfile").read_text())
    assert found
    assert {path for path in theirs if Path(found[1]).is_relative_to(path)} <= mounted <= theirs
    names = {one["name"] for its in same for one in its.get("env", ())}
    assert names & {"AWS_ACCESS_KEY_ID"} <= {one["name"] for one in mine["env"]}


@pytest.mark.parametrize("name", ["retention", "erasure"])
def test_no_request_reaches_it_and_it_reaches_little(name: str) -> None:
    job = yaml.safe_load((BASE / f"{name}.yaml").read_text())["spec"]
    labels = job["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert labels[LABEL] not in {pod["metadata"]["labels"][LABEL] for pod in others()}
    policy = yaml.safe_load((BASE / f"{name}-networkpolicy.yaml").read_text())["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["ingress"] == []
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443}
