"""Gives the schedule of an environment a new version, and the old one back when a trial run fails.

    python3 deploy/rollout.py staging
    python3 deploy/rollout.py production run --from 2013-07-01 --to 2013-07-03

The second form starts one job beside the schedule, with arguments of its own, and waits for it.
Needs kubectl, with a context that may change the environment's namespace, and nothing else.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
POLL_S = 2.0


def main() -> None:
    """Exit with 0 when the trial or the job succeeded, with a sentence when it did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="the name of a folder in deploy/overlays")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds to wait for the job")
    parser.add_argument(
        "run", nargs="?", choices=["run"], help="one job; it gets all further arguments"
    )
    options, arguments = parser.parse_known_args()
    if arguments and not options.run:
        parser.error(f"unknown: {shlex.join(arguments)}; for a job they follow the word run")
    overlay = ROOT / "deploy" / "overlays" / options.environment
    if not overlay.is_dir():
        sys.exit(f"There is no environment {options.environment!r} in deploy/overlays.")
    schedule = Schedule(namespace_of(overlay), options.timeout)
    try:
        if options.run:
            if not schedule.run(arguments):
                sys.exit("The job failed: its log says why.")
        else:
            roll_out(overlay, schedule)
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{shlex.join(error.cmd)}` failed. Nothing was done after it.")
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename!r} here.")
    except TimeoutError as error:
        sys.exit(str(error))


def roll_out(overlay: Path, schedule: "Schedule") -> None:
    """Apply the overlay and try it; give the schedule its old version back when that fails."""
    before = schedule.read()
    kubectl("apply", "-k", str(overlay))
    if schedule.run(["--trial"]):
        return
    if before is None:
        schedule.suspend()
        sys.exit("The trial of the first version failed: the schedule is suspended.")
    schedule.restore(before)
    sys.exit("The trial failed: the next run is by the version from before.")


class Schedule:
    """The CronJob of this service in one namespace."""

    def __init__(self, namespace: str, timeout: float) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        self._name: str = project["name"]
        self._namespace = namespace
        self._timeout = timeout

    def read(self) -> dict[str, Any] | None:
        """The CronJob as the cluster has it; None before the first rollout."""
        found = self._kubectl("get", self._cronjob, "--ignore-not-found", "-o", "json")
        return json.loads(found) if found else None

    def run(self, arguments: list[str]) -> bool:
        """Start one job of the CronJob's version with further arguments; whether it succeeds.

        Raises TimeoutError when it has not ended in time; it is left to run.
        """
        name = f"{self._name[:40]}-{time.time_ns() // 1_000_000}"
        job = json.loads(
            self._kubectl(
                *("create", "job", name, f"--from={self._cronjob}"),
                *("--dry-run=client", "-o", "json"),
            )
        )
        [container] = job["spec"]["template"]["spec"]["containers"]
        container["args"] = [*container["args"], *arguments]
        self._kubectl("create", "-f", "-", given=json.dumps(job))
        succeeded = self._wait(name)
        sys.stdout.write(self._kubectl("logs", f"job/{name}", "--tail=50"))
        return succeeded

    def suspend(self) -> None:
        """Start no further run."""
        self._kubectl("patch", self._cronjob, "-p", '{"spec": {"suspend": true}}')

    def restore(self, before: dict[str, Any]) -> None:
        """Give the CronJob the specification that it had."""
        kept = {key: before["metadata"][key] for key in ("name", "namespace", "labels")}
        old = {key: before[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": kept}
        self._kubectl("replace", "-f", "-", given=json.dumps(old))

    def _wait(self, name: str) -> bool:
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            status = json.loads(self._kubectl("get", f"job/{name}", "-o", "json")).get("status", {})
            ended = {
                each["type"] for each in status.get("conditions", []) if each["status"] == "True"
            }
            if ended & {"Complete", "Failed"}:
                return "Complete" in ended
            time.sleep(POLL_S)
        raise TimeoutError(
            f"After {self._timeout:g} s the job {name} has not ended: it goes on, and nothing was"
            " undone. See docs/rollback.md."
        )

    @property
    def _cronjob(self) -> str:
        return f"cronjob/{self._name}"

    def _kubectl(self, *arguments: str, given: str | None = None) -> str:
        return kubectl("-n", self._namespace, *arguments, given=given, read=True)


def namespace_of(overlay: Path) -> str:
    """The namespace that an overlay puts its objects into."""
    text = (overlay / "kustomization.yaml").read_text()
    found = re.search(r"^namespace: (\S+)$", text, re.MULTILINE)
    if found is None:
        sys.exit(f"{overlay}/kustomization.yaml names no namespace.")
    return found[1]


def kubectl(*arguments: str, given: str | None = None, read: bool = False) -> str:
    """Run kubectl; what it says goes to the screen as it comes, unless it is to be read."""
    return (
        subprocess.run(  # noqa: S603 - no shell, and the caller's own words
            ["kubectl", *arguments],  # noqa: S607 - whichever is on the PATH
            input=given,
            stdout=subprocess.PIPE if read else None,
            text=True,
            check=True,
        ).stdout
        or ""
    )


if __name__ == "__main__":
    main()
