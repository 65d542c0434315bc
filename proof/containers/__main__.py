"""Images and manifests, proven with a real engine: `make prove-containers`. Writes their chapter of docs/proof.md."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

from .. import page
from .services import FOLDER

REPORT = FOLDER / "suite.xml"
IMAGES, MANIFESTS = FOLDER / "images.json", FOLDER / "manifests.json"
MEASURES = {
    "added_mb": "adds to the base, MB",
    "packages": "packages",
    "ready_s": "ready, s",
    "memory_mb": "memory, MB",
    "run_s": "a day, s",
}


def main() -> int:
    """Run the tests, and write what they counted and measured when all passed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for stale in (IMAGES, MANIFESTS):
        stale.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", f"--junit-xml={REPORT}", "proof/containers/tests"]
    ended = subprocess.run(command, check=False).returncode
    if ended == 0:
        page.write_containers(list(chapter()))
    return ended


def chapter() -> Iterator[str]:
    """The lines of the chapter about the last run."""
    cases = list(ElementTree.parse(REPORT).iter("testcase"))  # noqa: S314 - pytest just wrote it
    skipped = [row.attrib["message"] for case in cases if (row := case.find("skipped")) is not None]
    seconds = sum(float(case.attrib["time"]) for case in cases)
    yield f"- {len(cases) - len(skipped)} tests passed in {seconds / 60:.0f} minutes."
    for reason in sorted({row for row in skipped if row.isupper() or row.startswith("N")}):
        yield f"- Skipped: {reason}"
    if MANIFESTS.exists():
        found = json.loads(MANIFESTS.read_text())
        first, *_, last = found["minors"]
        yield (
            f"- {found['overlays']:,} overlays were built by kustomize. Their {found['objects']:,} distinct objects"
            f" pass the strict schemas of Kubernetes {first} to {last} and of Argo Rollouts, the restricted Pod"
            " Security Standard, and the checks that names, labels and ports agree."
        )
    if IMAGES.exists():
        yield from table(json.loads(IMAGES.read_text()))


def table(images: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The images and what was measured of each."""
    yield (
        f"- {len(images)} images, one for each version of the Dockerfile, were built, looked into, started locked down,"
        " used and stopped; nothing was lost."
    )
    yield from ("", f"| image | {' | '.join(MEASURES.values())} |", f"|---|{'--:|' * len(MEASURES)}")
    for row in sorted(images.values(), key=lambda row: str(row["title"])):
        yield f"| {row['title']} | {' | '.join(str(row.get(name, '')) for name in MEASURES)} |"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; `make prove-containers` begins anew, and trains no model again.")
