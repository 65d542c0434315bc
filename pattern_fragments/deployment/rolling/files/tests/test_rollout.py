"""deploy/rollout.py against a kubectl that only writes down what it is asked."""

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
    *"get deployment"*)
        if [ -f "{folder}/applied" ]; then printf '%s' '{after}'; else printf '%s' '{before}'; fi ;;
    "apply "*) touch "{folder}/applied" ;;
    *"rollout undo"*) touch "{folder}/undone" ;;
    *"rollout status"*) [ -f "{folder}/undone" ] || exit {status} ;;
esac
"""

Rollout = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    """Runs the script where `before` and `after` applying there are these revisions."""

    def run(
        before: str, after: str, *, ready: bool, environment: str = "staging"
    ) -> subprocess.CompletedProcess[str]:
        script = KUBECTL.format(folder=tmp_path, before=before, after=after, status=int(not ready))
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(script)
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
    assert rollout("4", "5", ready=True).returncode == 0
    assert f"apply -k {ROOT / 'deploy' / 'overlays' / 'staging'}\n" in calls()
    assert "undo" not in calls()


def test_a_rollout_that_fails_goes_back_to_the_revision_before(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("4", "5", ready=False)
    assert result.returncode == 1
    assert "--to-revision=4" in calls()
    assert "was undone" in result.stderr


def test_the_first_rollout_has_nothing_to_go_back_to(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("", "1", ready=False)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "no earlier revision" in result.stderr


def test_pods_that_this_rollout_did_not_change_are_left_alone(
    rollout: Rollout, calls: Callable[[], str]
) -> None:
    result = rollout("4", "4", ready=False)
    assert result.returncode == 1
    assert "undo" not in calls()
    assert "nothing undone" in result.stderr


def test_an_unknown_environment_is_refused_before_anything_is_applied(
    rollout: Rollout, tmp_path: Path
) -> None:
    result = rollout("4", "5", ready=True, environment="stagging")
    assert result.returncode == 1
    assert "no environment 'stagging'" in result.stderr
    assert not (tmp_path / "calls").exists()
