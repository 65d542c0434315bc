"""Rolls an environment out, and goes back when the new version fails.

    python3 deploy/rollout.py staging                  # apply, and show what happens
    python3 deploy/rollout.py staging promote          # a person decides: go on
    python3 deploy/rollout.py staging promote --full   # to everybody at once, without a judgement
    python3 deploy/rollout.py staging abort            # a person decides: back to the one before

Needs kubectl, with a context that may change the environment's namespace, and nothing else.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environment import images_of, kubectl, namespace_of, overlay_of, permit

ROOT = Path(__file__).parents[1]
INCONCLUSIVE = "InconclusiveAnalysisRun"
FULLY: dict[str, Any] = {"promoteFull": True}
READS = 12
"""So often, in a row, the cluster may fail to say how far it is."""


def main() -> None:
    """Exit with 0 when what was asked for is done, with a sentence when it is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="the name of a folder in deploy/overlays")
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="apply")
    parser.add_argument("--full", action="store_true", help="promote past all that is to come")
    parser.add_argument("--timeout", type=float, default=1500, help="seconds for all of it")
    parser.add_argument("--every", type=float, default=5, help="seconds between two looks")
    arguments = parser.parse_args()
    if arguments.full and arguments.command != "promote":
        sys.exit("--full belongs to promote.")
    command = promote_fully if arguments.full else COMMANDS[arguments.command]
    overlay = overlay_of(arguments.environment)
    try:
        rollout = Rollout(namespace_of(overlay), arguments.timeout, arguments.every)
        command(rollout, overlay)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"`{shlex.join(error.cmd)}` failed. Nothing was done after it; what was applied before"
            " goes on in the cluster."
        )
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename!r} here.")


def apply(rollout: "Rollout", overlay: Path) -> None:
    """Apply the overlay, and watch."""
    permit(overlay, images_of(overlay))
    kubectl("apply", "-k", str(overlay))
    see_through(rollout, overlay)


def promote(rollout: "Rollout", overlay: Path) -> None:
    """Let a rollout that waits go on, and watch."""
    state = rollout.state()
    if state.phase != "Paused":
        sys.exit(f"The rollout does not wait for a decision: it is {state.phase or 'not there'}.")
    permit(overlay, state.images)
    rollout.resume(state)
    see_through(rollout, overlay)


def promote_fully(rollout: "Rollout", overlay: Path) -> None:
    """Give everybody the version that is wanted, however far it is, and watch."""
    state = rollout.state()
    if not state.has_another:
        sys.exit("No new version is being tried: apply the overlay first.")
    permit(overlay, state.images)
    rollout.promote_fully()
    see_through(rollout, overlay)


def abort(rollout: "Rollout", _overlay: Path) -> None:
    """Let the version before take over again."""
    state = rollout.state()
    if not state.has_another:
        sys.exit("No new version is being tried: there is nothing to go back from.")
    go_back(rollout, state)
    say(f"Undone: revision {state.stable} serves alone. Revert the commit of the overlay.")


COMMANDS = {"apply": apply, "promote": promote, "abort": abort}


def see_through(rollout: "Rollout", overlay: Path) -> None:
    """Show each step; go back from a version that the cluster gives up, and only from that."""
    after = rollout.watch(lambda state: state.is_over or state.waits)
    if after.waits or after.phase == "Degraded":
        for line in rollout.measured(after):
            say(line)
    if after.waits:
        script = f"python3 deploy/rollout.py {overlay.name}"
        sys.exit(
            f"The rollout waits for a decision: {after.message}. Both versions serve. Go on:"
            f" `{script} promote`; go back: `{script} abort`."
        )
    if not after.is_over:
        sys.exit("Watching ended, but the rollout goes on: nothing undone.")
    if after.phase == "Healthy":
        return
    if not after.stable:
        sys.exit(f"The rollout failed, and there is no version to go back to: {after.message}.")
    if not after.has_another:
        sys.exit(f"No new version is tried, revision {after.stable} is still it: {after.message}.")
    go_back(rollout, after)
    sys.exit(
        f"The rollout failed and was undone, revision {after.stable} serves alone: {after.message}."
    )


def go_back(rollout: "Rollout", state: "State") -> None:
    """Let the stable version take over, if the cluster has not begun to, and wait for it."""
    if not state.aborted:
        rollout.abort()
    after = rollout.watch(lambda state: state.is_undone)
    if not after.is_undone:
        sys.exit(f"Going back to revision {state.stable} is not done yet: {after.message}.")


@dataclass(frozen=True)
class State:
    """What the cluster says of a Rollout; all is empty before the first one."""

    phase: str = ""
    """Progressing, Paused, Healthy or Degraded; Progressing until the last change was seen."""

    message: str = ""
    step: str = ""
    """Where it is, in words."""

    index: int = 0
    """The number of steps that are done."""

    has_steps: bool = False

    revision: str = ""
    """The pod hash of the version that is wanted."""

    stable: str = ""
    """The pod hash of the version that serves when the wanted one is given up."""

    aborted: bool = False
    is_undone: bool = False
    """It was aborted, and the stable version has all its pods again."""

    waits: bool = False
    """For a person; a pause of given length does not."""

    paused_by: tuple[str, ...] = ()

    images: tuple[str, ...] = ()
    """Those of the version that is wanted."""

    @property
    def is_over(self) -> bool:
        """The wanted version serves alone, or was given up."""
        return self.phase in {"Healthy", "Degraded"}

    @property
    def has_another(self) -> bool:
        """There is a version to go back to."""
        return self.stable not in {"", self.revision}


def read_state(rollout: dict[str, Any]) -> State:
    """The state of a Rollout as `kubectl get -o json` shows it."""
    spec, status = rollout["spec"], rollout.get("status", {})
    seen = int(status.get("observedGeneration") or 0) >= rollout["metadata"]["generation"]
    paused_by = tuple(each["reason"] for each in status.get("pauseConditions") or ())
    phase = status.get("phase", "Progressing")
    # Whoever resumed it took the reasons away; the controller has not seen that yet.
    is_resumed = phase == "Paused" and not paused_by and not spec.get("paused", False)
    if is_resumed or not seen:
        phase = "Progressing"
    canary, blue_green = (spec["strategy"].get(name, {}) for name in ("canary", "blueGreen"))
    steps = canary.get("steps", [])
    index = min(status.get("currentStepIndex", 0), len(steps))
    now = steps[index] if index < len(steps) else {}
    is_timed = "duration" in now.get("pause", {}) or "autoPromotionSeconds" in blue_green
    aborted = status.get("abort", False)
    return State(
        phase=phase,
        message=status.get("message", "") if seen else "",
        step=f"step {index + 1} of {len(steps)}: {json.dumps(now)}" if now else "",
        index=index,
        has_steps=bool(steps),
        revision=status.get("currentPodHash", ""),
        stable=status.get("stableRS", ""),
        aborted=aborted,
        is_undone=aborted
        and not status.get("updatedReplicas", 0)
        and status.get("availableReplicas", 0) >= spec.get("replicas", 1),
        waits=phase == "Paused" and (INCONCLUSIVE in paused_by or not is_timed),
        paused_by=paused_by,
        images=tuple(each["image"] for each in spec["template"]["spec"]["containers"]),
    )


class Rollout:
    """The Rollout of this service in one namespace."""

    def __init__(self, namespace: str, timeout_s: float, every_s: float) -> None:
        manifest = (ROOT / "deploy" / "base" / "rollout.yaml").read_text()
        # The first name is that of the Rollout. (YAML is not in the standard library.)
        [name] = re.findall(r"^metadata:\n  name: (\S+)$", manifest, re.MULTILINE)
        self._name = f"rollouts.argoproj.io/{name}"
        self._namespace = namespace
        self._deadline = time.monotonic() + timeout_s
        self._every_s = every_s

    def state(self) -> State:
        """How far it is; a cluster that cannot be asked for a moment is asked again."""
        failures = 0
        while True:
            try:
                get = self._kubectl(
                    "get", self._name, "--ignore-not-found", "-o", "json", read=True
                )
            except subprocess.CalledProcessError:
                failures += 1
                if failures == READS:
                    raise
                time.sleep(self._every_s)
            else:
                return read_state(json.loads(get.stdout)) if get.stdout else State()

    def measured(self, state: State) -> list[str]:
        """What spoke against the version that is wanted, a line for each measurement.

        That is in the newest analysis that did not succeed: others are of earlier attempts.
        """
        label = f"rollouts-pod-template-hash={state.revision}"
        try:
            get = self._kubectl("get", "analysisruns", "-l", label, "-o", "json", read=True)
            runs = json.loads(get.stdout or "{}").get("items", [])
            against = [
                run
                for run in sorted(runs, key=lambda run: str(run["metadata"]["creationTimestamp"]))
                if run.get("status", {}).get("phase") != "Successful"
            ]
            return [
                f"{metric['name']}: {each['phase']}, {self._found(each)}"
                for run in against[-1:]
                for metric in run.get("status", {}).get("metricResults", [])
                for each in metric.get("measurements", [])
                if each["phase"] not in {"Successful", "Running"}
            ]
        except subprocess.CalledProcessError:
            return ["What was measured cannot be read."]

    def _found(self, measurement: dict[str, Any]) -> str:
        """The value that was measured, or the last word of the job that measured."""
        job = measurement.get("metadata", {}).get("job-name")
        if job:
            logs = self._kubectl("logs", f"job/{job}", "--tail=1", read=True)
            return str(logs.stdout).strip()
        return str(measurement.get("value") or measurement.get("message", "no result"))

    def watch(self, ends: Callable[[State], bool]) -> State:
        """Show each step until the end, or until time is up; the last state."""
        shown = ""
        while True:
            state = self.state()
            line = ", ".join(each for each in (state.phase, state.step, state.message) if each)
            if line != shown:
                say(f"{time.strftime('%H:%M:%S')}  {line}")
                shown = line
            if ends(state) or time.monotonic() >= self._deadline:
                return state
            time.sleep(self._every_s)

    def resume(self, state: State) -> None:
        """Go on after a pause, with the patches of `kubectl argo rollouts promote`."""
        self._kubectl("patch", self._name, "--type=merge", "-p", '{"spec":{"paused":false}}')
        status: dict[str, Any] = {"pauseConditions": None}
        # Else the analysis that could not decide would pause the rollout again.
        if INCONCLUSIVE in state.paused_by and state.has_steps:
            status |= {"controllerPause": False, "currentStepIndex": state.index + 1}
        elif INCONCLUSIVE in state.paused_by:
            status = FULLY
        self._patch_status(status)

    def promote_fully(self) -> None:
        """Skip all steps and analyses, with the patches of `promote --full` of that plugin."""
        self._kubectl("patch", self._name, "--type=merge", "-p", '{"spec":{"paused":false}}')
        self._patch_status(FULLY)

    def abort(self) -> None:
        """Go back, with the patch of `kubectl argo rollouts abort`, and out of a pause as well.

        A rollout that is paused and has to change its number of pods would never see the abort:
        it looks after the number first, which it may not change while it is paused.
        """
        self._patch_status({"abort": True, "pauseConditions": None, "controllerPause": False})

    def _patch_status(self, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self._kubectl("patch", self._name, "--subresource=status", "--type=merge", "-p", patch)

    def _kubectl(self, *arguments: str, read: bool = False) -> subprocess.CompletedProcess[str]:
        return kubectl("-n", self._namespace, *arguments, read=read)


def say(line: str) -> None:
    """Show a line at once."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
