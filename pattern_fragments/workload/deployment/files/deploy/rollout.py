"""Rolls an environment out, and back if the cluster gives the rollout up.

    python3 deploy/rollout.py staging

Needs kubectl, with a context that may change the environment's namespace, and nothing else.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from environment import images_of, kubectl, namespace_of, overlay_of, permit

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Exit with 0 when the new version serves, with a sentence when it does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="the name of a folder in deploy/overlays")
    parser.add_argument("--timeout", default="1500s", help="how long to wait for the last pod")
    arguments = parser.parse_args()
    overlay = overlay_of(arguments.environment)
    try:
        roll_out(overlay, Deployment(namespace_of(overlay), arguments.timeout))
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{shlex.join(error.cmd)}` failed. Nothing was done after it.")
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename!r} here.")


def roll_out(overlay: Path, deployment: "Deployment") -> None:
    """Apply the overlay and wait; undo what the cluster has given up, and only that."""
    permit(overlay, images_of(overlay))
    before = deployment.state()
    kubectl("apply", "-k", str(overlay))
    if deployment.becomes_ready():
        return
    after = deployment.state()
    if not after.failed:
        sys.exit("Waiting ended, but the cluster has not given the rollout up: nothing undone.")
    if not before.revision:
        sys.exit("The first rollout failed: there is no earlier revision to go back to.")
    if after.revision == before.revision:
        sys.exit("The pods are not ready, but this rollout did not change them: nothing undone.")
    if not before.complete:
        sys.exit(
            f"The rollout failed, and revision {before.revision} before it was not rolled out"
            " whole: nothing undone. Choose a revision by hand, see docs/rollback.md."
        )
    deployment.undo(before.revision)
    if not deployment.becomes_ready():
        sys.exit(f"The rollout failed, and going back to {before.revision} is not done either.")
    sys.exit(f"The rollout failed and was undone: as in revision {before.revision} again.")


@dataclass(frozen=True)
class State:
    """What the cluster says of a Deployment; `revision` is empty before the first rollout."""

    revision: str
    progress: str
    """The reason of the condition Progressing; empty until the cluster has seen the last change."""

    @property
    def complete(self) -> bool:
        """Every pod was replaced and became ready."""
        return self.progress == "NewReplicaSetAvailable"

    @property
    def failed(self) -> bool:
        """No pod became ready for `progressDeadlineSeconds`."""
        return self.progress == "ProgressDeadlineExceeded"


class Deployment:
    """The Deployment of this service in one namespace."""

    def __init__(self, namespace: str, timeout: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        self._name = f"deployment/{project['name']}"
        self._namespace = namespace
        self._timeout = timeout

    def state(self) -> State:
        """What was rolled out last, and how far it got."""
        get = self._kubectl("get", self._name, "--ignore-not-found", "-o", "json", read=True)
        if not get.stdout:
            return State(revision="", progress="")
        found = json.loads(get.stdout)
        metadata, status = found["metadata"], found.get("status", {})
        seen = status.get("observedGeneration", 0) >= metadata["generation"]
        reasons = {each["type"]: each["reason"] for each in status.get("conditions", [])}
        return State(
            revision=metadata.get("annotations", {}).get("deployment.kubernetes.io/revision", ""),
            progress=reasons.get("Progressing", "") if seen else "",
        )

    def becomes_ready(self) -> bool:
        """Wait until all pods are of the last revision and ready; False when that ends early."""
        wait = ("rollout", "status", self._name, f"--timeout={self._timeout}")
        return self._kubectl(*wait, check=False).returncode == 0

    def undo(self, revision: str) -> None:
        """Go back to an earlier revision."""
        self._kubectl("rollout", "undo", self._name, f"--to-revision={revision}")

    def _kubectl(
        self, *arguments: str, read: bool = False, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return kubectl("-n", self._namespace, *arguments, read=read, check=check)


if __name__ == "__main__":
    main()
