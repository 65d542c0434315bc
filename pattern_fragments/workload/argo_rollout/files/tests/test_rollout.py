"""deploy/rollout.py against a kubectl that plays the states of a Rollout one after the other."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# Each look at the Rollout shows the next state; the last one stays.
KUBECTL = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
    "kustomize "*) echo "          image: {image}" ;;
    *" get analysisruns "*) cat "{folder}/runs" ;;
    *" logs job/verify-1 "*) echo "refused: of version 2, too slow" ;;
    *" get "*)
        if [ -s "{folder}/failures" ]; then
            sed -i 1d "{folder}/failures"
            exit 1
        fi
        next=$(ls "{folder}/states" | head -n 1)
        cat "{folder}/states/$next"
        if [ "$(ls "{folder}/states" | wc -l)" -gt 1 ]; then rm "{folder}/states/$next"; fi ;;
    "apply "*) echo "configured"; exit {apply} ;;
esac
"""
IMAGE = "registry:5000/name:0.1.0"
STEPS = [{"setWeight": 10}, {"analysis": {"templates": []}}, {"pause": {"duration": "60s"}}]

ABORT = '{"status": {"abort": true, "pauseConditions": null, "controllerPause": false}}'

Script = Callable[..., subprocess.CompletedProcess[str]]


def rollout(phase: str, message: str = "", *, seen: bool = True, **status: Any) -> str:
    """What `kubectl get -o json` prints: version b is wanted, version a was there before."""
    return json.dumps(
        {
            "metadata": {"generation": 7},
            "spec": {
                "replicas": 2,
                "strategy": {"canary": {"steps": STEPS}},
                "template": {"spec": {"containers": [{"image": IMAGE}]}},
            },
            "status": {
                "observedGeneration": "7" if seen else "6",
                "phase": phase,
                "message": message,
                "currentPodHash": "b",
                "stableRS": "a",
                **status,
            },
        }
    )


def paused(reason: str) -> dict[str, Any]:
    return {"controllerPause": True, "pauseConditions": [{"reason": reason}]}


HEALTHY = rollout("Healthy", stableRS="b", currentStepIndex=3)
UNDONE = rollout("Degraded", "analysis failed", abort=True, availableReplicas=2)
INCONCLUSIVE = rollout(
    "Paused",
    "InconclusiveAnalysisRun",
    currentStepIndex=1,
    **paused("InconclusiveAnalysisRun"),
)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs the script while the Rollout goes through the states."""

    def run(
        *states: str,
        arguments: tuple[str, ...] = (),
        environment: str = "staging",
        apply: int = 0,
        failures: int = 0,
        runs: str = '{"items": []}',
        image: str = IMAGE,
    ) -> subprocess.CompletedProcess[str]:
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(KUBECTL.format(folder=tmp_path, apply=apply, image=image))
        kubectl.chmod(stat.S_IRWXU)
        (tmp_path / "failures").write_text("a look that fails\n" * failures)
        (tmp_path / "runs").write_text(runs)
        (tmp_path / "states").mkdir()
        for number, state in enumerate(states):
            (tmp_path / "states" / f"{number:02}").write_text(state)
        command = [str(ROOT / "deploy" / "rollout.py"), environment, *arguments]
        return subprocess.run(  # noqa: S603 - the script under test
            [sys.executable, *command, "--every", "0", "--timeout", "0.5"],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], str]:
    return (tmp_path / "calls").read_text


def test_each_step_is_shown_until_the_new_version_serves_alone(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(
        rollout("Progressing", "more replicas need to be updated", currentStepIndex=0),
        rollout("Progressing", "waiting for analysis", currentStepIndex=1),
        rollout("Paused", "CanaryPauseStep", currentStepIndex=2, **paused("CanaryPauseStep")),
        HEALTHY,
    )
    assert result.returncode == 0
    shown = result.stdout.splitlines()
    assert shown[0] == "configured"
    assert [line.partition("  ")[2] for line in shown[1:]] == [
        'Progressing, step 1 of 3: {"setWeight": 10}, more replicas need to be updated',
        'Progressing, step 2 of 3: {"analysis": {"templates": []}}, waiting for analysis',
        'Paused, step 3 of 3: {"pause": {"duration": "60s"}}, CanaryPauseStep',
        "Healthy",
    ]
    assert f"apply -k {ROOT / 'deploy' / 'overlays' / 'staging'}\n" in calls()
    assert "patch" not in calls()


def test_what_was_healthy_before_the_cluster_has_seen_the_change_is_not_the_end(
    script: Script,
) -> None:
    result = script(rollout("Healthy", stableRS="b", seen=False), UNDONE)
    assert result.returncode == 1


def test_a_rollout_that_the_analysis_has_aborted_is_waited_for_and_fails(
    script: Script, calls: Callable[[], str]
) -> None:
    going = rollout("Degraded", "analysis failed", abort=True, updatedReplicas=1)
    result = script(going, going, UNDONE)
    assert result.returncode == 1
    assert "was undone, revision a serves alone: analysis failed" in result.stderr
    assert "patch" not in calls()


def test_a_rollout_that_is_given_up_without_an_abort_is_aborted(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(rollout("Degraded", "ProgressDeadlineExceeded"), UNDONE)
    assert result.returncode == 1
    assert f"--subresource=status --type=merge -p {ABORT}" in calls()


def test_going_back_that_does_not_end_is_told(script: Script) -> None:
    result = script(rollout("Degraded", "analysis failed", abort=True, updatedReplicas=1))
    assert "Going back to revision a is not done yet" in result.stderr


def test_the_first_rollout_has_nothing_to_go_back_to(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(rollout("Degraded", "ProgressDeadlineExceeded", stableRS=""))
    assert result.returncode == 1
    assert "no version to go back to" in result.stderr
    assert "patch" not in calls()


def test_what_cannot_be_begun_leaves_the_version_that_serves_alone(script: Script) -> None:
    result = script(rollout("Degraded", "InvalidSpec: no such AnalysisTemplate", stableRS="b"))
    assert result.returncode == 1
    assert "No new version is tried, revision b is still it: InvalidSpec" in result.stderr


def test_a_cluster_that_cannot_be_asked_for_a_moment_is_asked_again(script: Script) -> None:
    assert script(HEALTHY, failures=3).returncode == 0


def test_a_cluster_that_cannot_be_asked_at_all_is_said_to_go_on(script: Script) -> None:
    result = script(HEALTHY, failures=99)
    assert result.returncode == 1
    assert "what was applied before goes on in the cluster" in result.stderr
    assert "Traceback" not in result.stderr


def analysis(created: str, phase: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """An AnalysisRun; that of an earlier attempt with the same version is shown to nobody."""
    return {
        "metadata": {"creationTimestamp": created},
        "status": {"phase": phase, "metricResults": results},
    }


def test_what_spoke_against_the_version_is_shown(script: Script, calls: Callable[[], str]) -> None:
    good = {"phase": "Successful", "value": "[-3]"}
    bad = {"phase": "Failed", "value": "[1.8]"}
    job = {"phase": "Failed", "metadata": {"job-name": "verify-1"}}
    unsure = {"phase": "Inconclusive", "value": "[]"}
    measured = {"slow": good, "errors": bad, "verify": job, "distance": unsure}
    results = [{"name": name, "measurements": [each]} for name, each in measured.items()]
    runs = json.dumps(
        {
            "items": [
                analysis("2026-02-02T10:07:00Z", "Failed", results),
                analysis("2026-02-02T10:00:00Z", "Successful", []),
                analysis(
                    "2026-02-01T10:00:00Z", "Failed", [{"name": "old", "measurements": [bad]}]
                ),
            ]
        }
    )
    result = script(UNDONE, runs=runs)
    assert result.stdout.splitlines()[2:5] == [
        "errors: Failed, [1.8]",
        "verify: Failed, refused: of version 2, too slow",
        "distance: Inconclusive, []",
    ]
    assert "get analysisruns -l rollouts-pod-template-hash=b -o json" in calls()


def test_an_analysis_that_cannot_decide_leaves_it_to_a_person(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(INCONCLUSIVE)
    assert result.returncode == 1
    assert "waits for a decision" in result.stderr
    assert "python3 deploy/rollout.py staging promote" in result.stderr
    assert "patch" not in calls()


def test_promote_goes_on_behind_the_analysis_that_could_not_decide(
    script: Script, calls: Callable[[], str]
) -> None:
    resumed = rollout("Paused", "InconclusiveAnalysisRun", currentStepIndex=2)  # not seen yet
    result = script(INCONCLUSIVE, resumed, HEALTHY, arguments=("promote",))
    assert result.returncode == 0
    patch = '{"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}}'
    assert patch in calls()
    assert "apply" not in calls()


def test_promote_after_a_switch_that_could_not_be_judged_ends_the_analysis(
    script: Script, calls: Callable[[], str]
) -> None:
    switched = json.loads(INCONCLUSIVE)
    switched["spec"]["strategy"] = {"blueGreen": {}}
    assert script(json.dumps(switched), HEALTHY, arguments=("promote",)).returncode == 0
    assert '{"status": {"promoteFull": true}}' in calls()


def test_promote_ends_a_pause(script: Script, calls: Callable[[], str]) -> None:
    waiting = rollout("Paused", "BlueGreenPause", **paused("BlueGreenPause"))
    assert script(waiting, HEALTHY, arguments=("promote",)).returncode == 0
    assert '{"status": {"pauseConditions": null}}' in calls()


@pytest.mark.parametrize("phase", ["Progressing", "Paused"])
def test_a_full_promotion_is_for_a_version_on_its_way_however_far_it_is(
    script: Script, calls: Callable[[], str], phase: str
) -> None:
    """So a version that went to everybody and is bad is replaced without being compared with."""
    result = script(rollout(phase), HEALTHY, arguments=("promote", "--full"))
    assert result.returncode == 0
    assert '{"status": {"promoteFull": true}}' in calls()
    assert "apply" not in calls()


def test_a_full_promotion_needs_another_version_and_the_word_promote(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(HEALTHY, arguments=("promote", "--full"))
    assert result.returncode == 1
    assert "apply the overlay first" in result.stderr
    assert "patch" not in calls()


def test_only_a_promotion_can_be_full(script: Script) -> None:
    assert "belongs to promote" in script(HEALTHY, arguments=("--full",)).stderr


def test_what_does_not_wait_cannot_be_promoted(script: Script, calls: Callable[[], str]) -> None:
    result = script(rollout("Progressing"), arguments=("promote",))
    assert result.returncode == 1
    assert "it is Progressing" in result.stderr
    assert "patch" not in calls()


def test_abort_goes_back_and_waits_for_it(script: Script, calls: Callable[[], str]) -> None:
    result = script(rollout("Progressing"), rollout("Progressing"), UNDONE, arguments=("abort",))
    assert result.returncode == 0
    assert "revision a serves alone" in result.stdout
    assert ABORT in calls()


def test_there_is_nothing_to_abort_when_one_version_serves(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(HEALTHY, arguments=("abort",))
    assert result.returncode == 1
    assert "nothing to go back from" in result.stderr
    assert "patch" not in calls()


def test_when_time_is_up_nothing_is_undone(script: Script, calls: Callable[[], str]) -> None:
    result = script(rollout("Progressing"))
    assert result.returncode == 1
    assert "the rollout goes on" in result.stderr
    assert "patch" not in calls()


def test_a_failing_apply_is_a_sentence_and_nothing_follows(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(HEALTHY, apply=1)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "`kubectl apply -k " in result.stderr
    assert " get " not in calls()


def test_an_image_that_may_change_is_refused_before_anything_is_applied(
    script: Script, calls: Callable[[], str]
) -> None:
    result = script(HEALTHY, image="name:latest")
    assert result.returncode == 1
    assert "name:latest in staging may change" in result.stderr
    assert "apply" not in calls()


@pytest.mark.parametrize("arguments", [("promote",), ("promote", "--full")])
def test_nor_is_it_promoted_when_it_was_applied_by_hand(
    script: Script, calls: Callable[[], str], arguments: tuple[str, ...]
) -> None:
    waiting = INCONCLUSIVE.replace(IMAGE, "name:latest")
    result = script(waiting, HEALTHY, arguments=arguments)
    assert result.returncode == 1
    assert "name:latest in staging may change" in result.stderr
    assert "patch" not in calls()


def test_going_back_is_possible_from_any_image(script: Script, calls: Callable[[], str]) -> None:
    result = script(INCONCLUSIVE.replace(IMAGE, "name:latest"), UNDONE, arguments=("abort",))
    assert result.returncode == 0
    assert ABORT in calls()


def test_an_unknown_environment_is_named(script: Script) -> None:
    result = script(HEALTHY, environment="nowhere")
    assert result.returncode == 1
    assert "'nowhere'" in result.stderr
