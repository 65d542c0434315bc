"""Tries a new version with a job that publishes nothing, and only then gives it to the schedules.

    python3 deploy/rollout.py staging
    python3 deploy/rollout.py production run --from 2013-07-01 --to 2013-07-03

The second form starts one job of the version that the schedule has, with arguments of its own.
Needs kubectl, with a context that may change the environment's namespace, and nothing else.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from environment import images_of, namespace_of, overlay_of, permit

ROOT = Path(__file__).parents[1]
POLL_S = 2.0
SPARE_S = 60.0
"""A job that is not over so long after its own deadline is not waited for."""


def main() -> None:
    """Exit with 0 when the trial or the job succeeded, with a sentence when it did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="the name of a folder in deploy/overlays")
    parser.add_argument(
        "--timeout", type=int, default=900, help="seconds that a trial may take, 900 by default"
    )
    parser.add_argument(
        "run", nargs="?", choices=["run"], help="one job; it gets all further arguments"
    )
    options, arguments = parser.parse_known_args()
    if arguments and not options.run:
        parser.error(f"unknown: {shlex.join(arguments)}; for a job they follow the word run")
    overlay = overlay_of(options.environment)
    cluster = Cluster(namespace_of(overlay))
    try:
        if options.run:
            run(cluster, arguments)
        else:
            roll_out(overlay, cluster, options.timeout)
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{shlex.join(error.cmd)}` failed. Nothing was done after it.")
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename!r} here.")
    except TimeoutError as error:
        sys.exit(f"{error} Nothing was done after it.")


def roll_out(overlay: Path, cluster: "Cluster", timeout: int) -> None:
    """Try what the overlay says, and apply its schedules when that succeeds."""
    permit(overlay, images_of(overlay))
    objects = cluster.render(overlay)
    schedules = [each for each in objects if each["kind"] == "CronJob"]
    [schedule] = [each for each in schedules if each["metadata"]["name"] == cluster.name]
    # What a job of the new version needs: its settings, its identity, its volume.
    cluster.apply([each for each in objects if each["kind"] != "CronJob"])
    job = {**schedule["spec"]["jobTemplate"]["spec"], "backoffLimit": 0}
    # Also ends a pod that never starts, because its image cannot be pulled, say.
    job["activeDeadlineSeconds"] = timeout
    if not cluster.run(job, ["--trial"]):
        sys.exit("The trial failed: the schedule is as it was.")
    cluster.apply(schedules)


def run(cluster: "Cluster", arguments: list[str]) -> None:
    """Run one job of the schedule's version."""
    schedule = cluster.schedule()
    if schedule is None:
        sys.exit("There is no schedule yet: roll out first.")
    if not cluster.run(schedule["spec"]["jobTemplate"]["spec"], arguments):
        sys.exit("The job failed: its log says why.")


class Cluster:
    """The objects of this service in one namespace."""

    def __init__(self, namespace: str) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        self.name: str = project["name"]
        """Of the service, and of the schedule of its runs."""
        self.namespace = namespace

    def render(self, overlay: Path) -> list[dict[str, Any]]:
        """The objects of an overlay."""
        text = self._kubectl("create", "-k", str(overlay), "--dry-run=client", "-o", "json")
        decoder, place = json.JSONDecoder(), 0
        objects: list[dict[str, Any]] = []
        # One list, or one document after the other, as the version of kubectl has it.
        while text[place:].strip():
            place += len(text[place:]) - len(text[place:].lstrip())
            found, place = decoder.raw_decode(text, place)
            objects += found["items"] if found["kind"] == "List" else [found]
        return objects

    def apply(self, objects: list[dict[str, Any]]) -> None:
        """Create or change objects."""
        content = {"apiVersion": "v1", "kind": "List", "items": objects}
        sys.stdout.write(self._kubectl("apply", "-f", "-", given=json.dumps(content)))

    def schedule(self) -> dict[str, Any] | None:
        """The CronJob as the cluster has it; None before the first rollout."""
        found = self._kubectl("get", f"cronjob/{self.name}", "--ignore-not-found", "-o", "json")
        return json.loads(found) if found else None

    def run(self, spec: dict[str, Any], arguments: list[str]) -> bool:
        """Start one job with further arguments and wait for it; whether it succeeds.

        Raises TimeoutError when the cluster does not end it in time.
        """
        name = f"{self.name[:40]}-{time.time_ns() // 1_000_000}"
        spec = json.loads(json.dumps(spec))
        [container] = spec["template"]["spec"]["containers"]
        container["args"] = [*container["args"], *arguments]
        labels = spec["template"]["metadata"]["labels"]
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
        self._kubectl("create", "-f", "-", given=json.dumps(job))
        succeeded = self._wait(name, spec["activeDeadlineSeconds"] + SPARE_S)
        # A pod that never started, or is gone, has no log.
        sys.stdout.write(self._kubectl("logs", f"job/{name}", "--tail=50", check=False))
        return succeeded

    def _wait(self, name: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = json.loads(self._kubectl("get", f"job/{name}", "-o", "json")).get("status", {})
            ended = {
                each["type"] for each in status.get("conditions", []) if each["status"] == "True"
            }
            if ended & {"Complete", "Failed"}:
                return "Complete" in ended
            time.sleep(POLL_S)
        raise TimeoutError(f"After {seconds:g} s the job {name} has not ended.")

    def _kubectl(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        return subprocess.run(  # noqa: S603 - no shell, and the caller's own words
            ["kubectl", "-n", self.namespace, *arguments],  # noqa: S607 - the one on the PATH
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=check,
        ).stdout


if __name__ == "__main__":
    main()
