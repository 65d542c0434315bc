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
CRONJOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "base" / "cronjob.yaml").read_text())
NAME: str = CRONJOB["metadata"]["name"]
KUBECTL = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
    *"get cronjob/"*) cat "{folder}/before" ;;
    "apply "*) echo "configured"; exit {apply} ;;
    *"create job"*) cat "{folder}/job" ;;
    *"create -f -"*) cat > "{folder}/created" ;;
    *"get job/"*) cat "{folder}/status" ;;
    *"replace -f -"*) cat > "{folder}/replaced" ;;
    *" logs "*) echo "what the job logged" ;;
esac
"""
Rollout = Callable[..., subprocess.CompletedProcess[str]]


def found(generation: int) -> dict[str, Any]:
    """The CronJob as a cluster prints it: with a namespace and what the cluster adds."""
    metadata = {"namespace": "n", "labels": {}, "generation": generation, "uid": "u"}
    return {**CRONJOB, "metadata": {**CRONJOB["metadata"], **metadata}, "status": {}}


def ended(how: str) -> dict[str, Any]:
    """A job that has ended well (Complete) or not (Failed)."""
    return {"status": {"conditions": [{"type": how, "status": "True"}]}}


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    """Runs the script in a cluster whose CronJob is `before` and whose job ends as in `status`."""

    def run(
        *arguments: str,
        before: dict[str, Any] | None = None,
        status: dict[str, Any] | None = None,
        apply: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "before").write_text(json.dumps(before) if before else "")
        (tmp_path / "status").write_text(json.dumps(status or {}))
        (tmp_path / "job").write_text(json.dumps({"spec": CRONJOB["spec"]["jobTemplate"]["spec"]}))
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(KUBECTL.format(folder=tmp_path, apply=apply))
        kubectl.chmod(stat.S_IRWXU)
        return subprocess.run(  # noqa: S603 - the script under test
            [sys.executable, ROOT / "deploy" / "rollout.py", *arguments],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], str]:
    return (tmp_path / "calls").read_text


def arguments_of(path: Path) -> list[str]:
    [container] = json.loads(path.read_text())["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


def test_a_version_whose_trial_succeeds_stays(
    rollout: Rollout, calls: Callable[[], str], tmp_path: Path
) -> None:
    result = rollout("staging", before=found(4), status=ended("Complete"))
    assert result.returncode == 0, result.stderr
    assert f"apply -k {ROOT / 'deploy' / 'overlays' / 'staging'}\n" in calls()
    assert arguments_of(tmp_path / "created")[-1] == "--trial"
    assert "replace" not in calls()


def test_the_trial_runs_the_command_of_the_schedule(rollout: Rollout, tmp_path: Path) -> None:
    rollout("staging", before=found(4), status=ended("Complete"))
    [container] = CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert arguments_of(tmp_path / "created")[:-1] == container["args"]


def test_a_version_whose_trial_fails_gives_way_to_the_one_before(
    rollout: Rollout, tmp_path: Path
) -> None:
    before = found(4)
    result = rollout("staging", before=before, status=ended("Failed"))
    assert result.returncode == 1
    assert "by the version from before" in result.stderr
    restored = json.loads((tmp_path / "replaced").read_text())
    assert restored["spec"] == before["spec"]
    assert set(restored["metadata"]) == {"name", "namespace", "labels"}


def test_the_log_of_the_trial_is_shown(rollout: Rollout) -> None:
    result = rollout("staging", before=found(4), status=ended("Failed"))
    assert "what the job logged" in result.stdout


def test_a_first_version_whose_trial_fails_is_suspended(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("staging", status=ended("Failed"))
    assert result.returncode == 1
    assert "the schedule is suspended" in result.stderr
    assert '{"spec": {"suspend": true}}' in calls()
    assert "replace" not in calls()


def test_a_trial_that_does_not_end_undoes_nothing(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("--timeout=0.1", "staging", before=found(4))
    assert result.returncode == 1
    assert "has not ended" in result.stderr
    assert "replace" not in calls()


def test_a_failing_apply_is_a_sentence_and_starts_no_trial(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("staging", before=found(4), apply=1)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "`kubectl apply -k " in result.stderr
    assert "create" not in calls()


def test_a_job_of_its_own_gets_its_arguments_and_changes_no_version(
    rollout: Rollout, calls: Callable[[], str], tmp_path: Path
) -> None:
    wanted = ["--from", "2013-07-01", "--to", "2013-07-03"]
    result = rollout("production", "run", *wanted, status=ended("Complete"))
    assert result.returncode == 0, result.stderr
    assert arguments_of(tmp_path / "created")[-4:] == wanted
    assert "apply -k" not in calls()


def test_arguments_that_no_job_gets_are_refused(rollout: Rollout, tmp_path: Path) -> None:
    result = rollout("staging", "--date", "2013-07-01")
    assert result.returncode == 2
    assert "they follow the word run" in result.stderr
    assert not (tmp_path / "calls").exists()


def test_a_job_of_its_own_that_fails_is_told(rollout: Rollout) -> None:
    result = rollout("production", "run", status=ended("Failed"))
    assert result.returncode == 1
    assert "The job failed" in result.stderr


def test_an_unknown_environment_is_refused_before_anything_is_applied(
    rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("stagging")
    assert result.returncode == 1
    assert "no environment 'stagging'" in result.stderr
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
