"""deploy/rollout.py against a kubectl that only writes down what it is asked."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BASE: list[dict[str, Any]] = [
    yaml.safe_load(path.read_text())
    for path in sorted((ROOT / "deploy" / "base").glob("*.yaml"))
    if path.name != "kustomization.yaml"
]
CRONJOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "base" / "cronjob.yaml").read_text())
TEMPLATE: dict[str, Any] = CRONJOB["spec"]["jobTemplate"]["spec"]
SETTINGS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
}
OBJECTS = [*BASE, SETTINGS]
SCHEDULES = [each["metadata"]["name"] for each in OBJECTS if each["kind"] == "CronJob"]
OTHERS = [each["metadata"]["name"] for each in OBJECTS if each["kind"] != "CronJob"]
KUBECTL = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
    "kustomize "*) echo "                image: {image}" ;;
    *"create -k"*) cat "{folder}/rendered" ;;
    *"apply -f -"*) cat >> "{folder}/applied"; exit {apply} ;;
    *"get cronjob/"*) cat "{folder}/schedule" ;;
    *"create -f -"*) cat > "{folder}/created" ;;
    *"get job/"*) cat "{folder}/status" ;;
    *" logs "*) echo "what the job logged"; exit {logs} ;;
esac
"""
Rollout = Callable[..., subprocess.CompletedProcess[str]]


def ended(how: str) -> dict[str, Any]:
    """A job that has ended well (Complete) or not (Failed)."""
    return {"status": {"conditions": [{"type": how, "status": "True"}]}}


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    """Runs the script in a cluster whose job ends as in `status`."""

    def run(
        *arguments: str,
        status: dict[str, Any] | None = None,
        rendered: str = "\n".join(json.dumps(each) for each in OBJECTS),
        schedule: dict[str, Any] | None = CRONJOB,
        apply: int = 0,
        logs: int = 0,
        image: str = "registry:5000/name:0.1.0",
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "rendered").write_text(rendered)
        (tmp_path / "schedule").write_text(json.dumps(schedule) if schedule else "")
        (tmp_path / "status").write_text(json.dumps(status or {}))
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(KUBECTL.format(folder=tmp_path, apply=apply, logs=logs, image=image))
        kubectl.chmod(stat.S_IRWXU)
        return subprocess.run(  # noqa: S603 - the script under test
            [sys.executable, ROOT / "deploy" / "rollout.py", *arguments],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def applied(folder: Path) -> list[str]:
    """The names of the objects that were applied, in order."""
    decoder, text, names = json.JSONDecoder(), (folder / "applied").read_text(), []
    while text:
        found, place = decoder.raw_decode(text)
        text = text[place:]
        names += [each["metadata"]["name"] for each in found["items"]]
    return names


def created(folder: Path) -> dict[str, Any]:
    """The specification of the job that was started."""
    job = json.loads((folder / "created").read_text())
    assert job["kind"] == "Job"
    spec: dict[str, Any] = job["spec"]
    return spec


def arguments_of(spec: dict[str, Any]) -> list[str]:
    [container] = spec["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


def test_a_version_whose_trial_succeeds_gets_the_schedule(rollout: Rollout, tmp_path: Path) -> None:
    result = rollout("staging", status=ended("Complete"))
    assert result.returncode == 0, result.stderr
    assert applied(tmp_path) == [*OTHERS, *SCHEDULES]


def test_a_list_of_objects_is_understood_too(rollout: Rollout, tmp_path: Path) -> None:
    listed = json.dumps({"kind": "List", "items": [SETTINGS, CRONJOB]})
    assert rollout("staging", rendered=listed, status=ended("Complete")).returncode == 0
    assert applied(tmp_path) == [each["metadata"]["name"] for each in (SETTINGS, CRONJOB)]


@pytest.mark.parametrize("logs", [0, 1], ids=["with a log", "of a pod that never started"])
def test_a_version_whose_trial_fails_never_reaches_the_schedule(
    rollout: Rollout, tmp_path: Path, logs: int
) -> None:
    result = rollout("staging", status=ended("Failed"), logs=logs)
    assert result.returncode == 1
    assert "the schedule is as it was" in result.stderr
    assert applied(tmp_path) == OTHERS


def test_the_trial_is_the_job_of_the_schedule_once_and_publishes_nothing(
    rollout: Rollout, tmp_path: Path
) -> None:
    rollout("--timeout=300", "staging", status=ended("Complete"))
    trial = created(tmp_path)
    assert arguments_of(trial) == [*arguments_of(TEMPLATE), "--trial"]
    assert (trial["backoffLimit"], trial["activeDeadlineSeconds"]) == (0, 300)
    [container], [expected] = (each["template"]["spec"]["containers"] for each in (trial, TEMPLATE))
    assert {**container, "args": None} == {**expected, "args": None}


def test_the_log_of_the_trial_is_shown(rollout: Rollout) -> None:
    assert "what the job logged" in rollout("staging", status=ended("Failed")).stdout


def test_a_trial_that_the_cluster_does_not_end_changes_no_schedule(
    rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("--timeout=-60", "staging")
    assert result.returncode == 1
    assert "has not ended" in result.stderr
    assert applied(tmp_path) == OTHERS


def test_a_failing_apply_is_a_sentence_and_starts_no_trial(
    rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("staging", apply=1)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "apply -f -` failed" in result.stderr
    assert not (tmp_path / "created").exists()


def test_a_job_of_its_own_gets_its_arguments_and_changes_no_version(
    rollout: Rollout, tmp_path: Path
) -> None:
    wanted = ["--from", "2013-07-01", "--to", "2013-07-03"]
    result = rollout("production", "run", *wanted, status=ended("Complete"))
    assert result.returncode == 0, result.stderr
    job = created(tmp_path)
    assert arguments_of(job) == [*arguments_of(TEMPLATE), *wanted]
    assert job["backoffLimit"] == TEMPLATE["backoffLimit"]
    assert not (tmp_path / "applied").exists()


def test_a_job_of_its_own_that_fails_is_told(rollout: Rollout) -> None:
    result = rollout("production", "run", status=ended("Failed"))
    assert result.returncode == 1
    assert "The job failed" in result.stderr


def test_before_the_first_rollout_there_is_no_version_to_run(rollout: Rollout) -> None:
    result = rollout("production", "run", schedule=None)
    assert result.returncode == 1
    assert "roll out first" in result.stderr


def test_arguments_that_no_job_gets_are_refused(rollout: Rollout, tmp_path: Path) -> None:
    result = rollout("staging", "--date", "2013-07-01")
    assert result.returncode == 2
    assert "they follow the word run" in result.stderr
    assert not (tmp_path / "calls").exists()


def test_an_image_that_may_change_is_refused_before_anything_is_applied(
    rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("staging", image="name:latest")
    assert result.returncode == 1
    assert "name:latest in staging may change" in result.stderr
    assert not (tmp_path / "applied").exists()


@pytest.mark.parametrize("name", ["stagging", "../overlays/staging", "."])
def test_an_unknown_environment_is_refused_before_anything_is_applied(
    name: str, rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout(name)
    assert result.returncode == 1
    assert f"no environment {name!r}" in result.stderr
    assert not (tmp_path / "calls").exists()


def test_a_machine_without_kubectl_is_told_so(tmp_path: Path) -> None:
    result = subprocess.run(  # noqa: S603 - the script under test
        [sys.executable, ROOT / "deploy" / "rollout.py", "staging"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "There is no 'kubectl' here.\n"
