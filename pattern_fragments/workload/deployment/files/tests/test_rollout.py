"""deploy/rollout.py against a kubectl that only writes down what it is asked."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KUBECTL = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
    "kustomize "*) echo "        image: {image}" ;;
    *"get deployment"*)
        if [ -f "{folder}/applied" ]; then printf '%s' '{after}'; else printf '%s' '{before}'; fi ;;
    "apply "*) touch "{folder}/applied"; echo "configured"; exit {apply} ;;
    *"rollout undo"*) touch "{folder}/undone" ;;
    *"rollout status"*) [ -f "{folder}/undone" ] || exit {status} ;;
esac
"""
COMPLETE = "NewReplicaSetAvailable"
GIVEN_UP = "ProgressDeadlineExceeded"
UNDER_WAY = "ReplicaSetUpdated"

Rollout = Callable[..., subprocess.CompletedProcess[str]]


def deployment(revision: int, progress: str, *, seen: bool = True) -> str:
    """What `kubectl get -o json` prints."""
    return json.dumps(
        {
            "metadata": {
                "generation": 10 * revision,
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            },
            "status": {
                "observedGeneration": 10 * revision - (not seen),
                "conditions": [
                    {"type": "Available", "reason": "MinimumReplicasAvailable"},
                    {"type": "Progressing", "reason": progress},
                ],
            },
        }
    )


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    """Runs the script where the Deployment is `before`, and `after` once something was applied."""

    def run(
        before: str,
        after: str,
        *,
        status: int = 0,
        apply: int = 0,
        environment: str = "staging",
        image: str = "registry:5000/name:0.1.0",
    ) -> subprocess.CompletedProcess[str]:
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(
            KUBECTL.format(
                folder=tmp_path,
                before=before,
                after=after,
                status=status,
                apply=apply,
                image=image,
            )
        )
        kubectl.chmod(stat.S_IRWXU)
        return subprocess.run(  # noqa: S603 - the script under test
            [sys.executable, ROOT / "deploy" / "rollout.py", environment],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], str]:
    return (tmp_path / "calls").read_text


def test_a_rollout_that_becomes_ready_stays(rollout: Rollout, calls: Callable[[], str]) -> None:
    result = rollout(deployment(4, COMPLETE), deployment(5, COMPLETE))
    assert result.returncode == 0
    assert f"apply -k {ROOT / 'deploy' / 'overlays' / 'staging'}\n" in calls()
    assert "undo" not in calls()


def test_what_kubectl_says_is_shown(rollout: Rollout) -> None:
    assert rollout("", deployment(1, COMPLETE)).stdout == "configured\n"


def test_a_rollout_that_is_given_up_goes_back_to_the_revision_before(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout(deployment(4, COMPLETE), deployment(5, GIVEN_UP), status=1)
    assert result.returncode == 1
    assert "--to-revision=4" in calls()
    assert "was undone" in result.stderr


@pytest.mark.parametrize(
    "after",
    [deployment(5, UNDER_WAY), deployment(5, COMPLETE), deployment(5, GIVEN_UP, seen=False)],
    ids=["under way", "complete", "change not seen yet"],
)
def test_a_lost_connection_undoes_nothing(
    rollout: Rollout, calls: Callable[[], str], after: str
) -> None:
    result = rollout(deployment(4, COMPLETE), after, status=1)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "has not given the rollout up" in result.stderr


def test_a_failing_apply_is_a_sentence_and_undoes_nothing(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout(deployment(4, COMPLETE), deployment(5, GIVEN_UP), apply=1)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "`kubectl apply -k " in result.stderr
    assert "rollout" not in calls().replace(str(ROOT), "")


def test_the_first_rollout_has_nothing_to_go_back_to(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("", deployment(1, GIVEN_UP), status=1)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "no earlier revision" in result.stderr


def test_pods_that_this_rollout_did_not_change_are_left_alone(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout(deployment(4, GIVEN_UP), deployment(4, GIVEN_UP), status=1)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "did not change them" in result.stderr


@pytest.mark.parametrize("progress", [GIVEN_UP, UNDER_WAY])
def test_a_revision_that_was_never_whole_is_nothing_to_go_back_to(
    rollout: Rollout, calls: Callable[[], str], progress: str
) -> None:
    result = rollout(deployment(4, progress), deployment(5, GIVEN_UP), status=1)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "revision 4 before it was not rolled out whole" in result.stderr


@pytest.mark.parametrize("image", ["registry:5000/name", "name:latest", "name:local"])
def test_an_image_that_may_change_is_refused_before_anything_is_applied(
    rollout: Rollout, calls: Callable[[], str], image: str
) -> None:
    result = rollout(deployment(4, COMPLETE), deployment(5, COMPLETE), image=image)
    assert result.returncode == 1
    assert f"{image} in staging may change" in result.stderr
    assert "apply" not in calls()


@pytest.mark.parametrize("name", ["stagging", "../overlays/staging", "."])
def test_an_unknown_environment_is_refused_before_anything_is_applied(
    name: str, rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("", "", environment=name)
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
