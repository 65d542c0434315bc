"""Rolls an environment out, and back if its pods do not become ready.

    python3 deploy/rollout.py staging

Needs kubectl, with a context that may change the environment's namespace, and nothing else.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
REVISION = r"jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}"


def main() -> None:
    """Exit with 0 when the new version serves, with a sentence when it does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="the name of a folder in deploy/overlays")
    parser.add_argument("--timeout", default="300s", help="how long pods may take to be ready")
    arguments = parser.parse_args()
    overlay = ROOT / "deploy" / "overlays" / arguments.environment
    if not overlay.is_dir():
        sys.exit(f"There is no environment {arguments.environment!r} in deploy/overlays.")
    rollout = Rollout(namespace_of(overlay), arguments.timeout)

    before = rollout.revision()
    kubectl("apply", "-k", str(overlay))
    if rollout.becomes_ready():
        return
    if not before:
        sys.exit("The first rollout failed: there is no earlier revision to go back to.")
    if rollout.revision() == before:
        sys.exit("The pods are not ready, but this rollout did not change them: nothing undone.")
    rollout.undo(before)
    if not rollout.becomes_ready():
        sys.exit(f"The rollout failed, and revision {before} does not become ready either.")
    sys.exit(f"The rollout failed and was undone: revision {before} serves. Revert the commit.")


class Rollout:
    """The Deployment of this service in one namespace."""

    def __init__(self, namespace: str, timeout: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        self._deployment = f"deployment/{project['name']}"
        self._namespace = namespace
        self._timeout = timeout

    def revision(self) -> str:
        """The number of the revision the cluster was last told to run; empty before the first."""
        get = self._kubectl("get", self._deployment, "--ignore-not-found", "-o", REVISION)
        return get.stdout.strip()

    def becomes_ready(self) -> bool:
        """Wait until all pods are of the last revision and ready, or until time is up."""
        status = self._kubectl(
            *("rollout", "status", self._deployment, f"--timeout={self._timeout}"), check=False
        )
        sys.stdout.write(status.stdout)
        return status.returncode == 0

    def undo(self, revision: str) -> None:
        """Go back to an earlier revision."""
        self._kubectl("rollout", "undo", self._deployment, f"--to-revision={revision}")

    def _kubectl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return kubectl("-n", self._namespace, *arguments, check=check)


def namespace_of(overlay: Path) -> str:
    """The namespace that an overlay puts its objects into."""
    text = (overlay / "kustomization.yaml").read_text()
    found = re.search(r"^namespace: (\S+)$", text, re.MULTILINE)
    if found is None:
        sys.exit(f"{overlay}/kustomization.yaml names no namespace.")
    return found[1]


def kubectl(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run kubectl; what it has to complain about goes to the caller's screen."""
    return subprocess.run(  # noqa: S603 - no shell, and the caller's own words
        ["kubectl", *arguments],  # noqa: S607 - whichever is on the PATH
        stdout=subprocess.PIPE,
        text=True,
        check=check,
    )


if __name__ == "__main__":
    main()
