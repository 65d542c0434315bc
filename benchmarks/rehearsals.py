# /// script
# requires-python = ">=3.11"
# ///
"""Rehearse every deployment strategy in a generated service, and write down how each ended.

    python benchmarks/rehearsals.py FOLDER DOCS     with the services below FOLDER: `make rehearsals`

Each folder below FOLDER is a service; `make rehearse` runs in one after the other. DOCS/rehearsals.md gets a table with
a row for each candidate and the pictures, which lie in DOCS/rehearsals/. What a service has rehearsed before is not
rehearsed again unless --again is given.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path("data/rehearsal")
DONE = RESULTS / "as-expected"
"""Written when all candidates of a service have ended as they had to."""

PAGE = """# Rehearsals

How each deployment strategy ended when it was rehearsed: the same two versions of the flights model (the candidate was
trained on later months), and candidates that are bad in one way each. Made by `make rehearsals`, which generates the
services, runs `make rehearse` in each of them on one machine, and writes this page; it ends with an error where a
candidate does not end as it has to, or a request is lost or answered wrongly.

A request is *lost* when no answer came, and *wrong* when the answer is not what the model of the version that it
names gives for that row. Numbers in brackets behind a measure of the canary are margins of error beyond what is
tolerated: above 1 it surely is too far, below -1 it surely is not. What has to happen is that the good candidate is
promoted and the others are not, but for the A/B test: there the good one is better by less than these units can
show, so it has to be kept from shipping, by the rules that were fixed before (its cost is better when lower: the
gain of 0.75 is a difference of -0.75). A shadow of runs or events answers nobody, so there are no requests to
count; `rolling` and `next_run` are not rehearsed.

"""


@dataclass(frozen=True)
class Rehearsal:
    """How one candidate of one service ended."""

    service: str
    candidate: str
    outcome: dict[str, Any]
    plot: Path
    folder: str
    """In which it was rehearsed; nothing that is told here names it."""

    @property
    def name(self) -> str:
        """A name for its picture."""
        return f"{self.service}-{self.candidate}".replace("_", "-")

    def short(self, text: str) -> str:
        """With paths as seen from the service."""
        return text.replace(f"{self.folder}/", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the services")
    parser.add_argument("docs", type=Path, help="where the page is written")
    parser.add_argument("--again", action="store_true", help="rehearse again what was rehearsed")
    options = parser.parse_args()
    services = sorted(path.parent for path in options.folder.glob("*/.copier-answers.yml"))
    if not services:
        sys.exit(f"{options.folder} holds no service: run `make rehearsals`")
    for service in services:
        if options.again or not (service / DONE).exists():
            (service / DONE).unlink(missing_ok=True)
            print(f"--- {service.name}", flush=True)
            if subprocess.run(["make", "--no-print-directory", "-C", service, "rehearse"], check=False).returncode:
                sys.exit(f"the rehearsal in {service} did not end as expected")
            (service / DONE).touch()
    found = [one for service in services for one in rehearsals(service)]
    pictures = options.docs / "rehearsals"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    for one in found:
        if one.plot.exists():
            shutil.copyfile(one.plot, pictures / f"{one.name}.svg")
    (options.docs / "rehearsals.md").write_text(PAGE + page(found), encoding="utf-8")


def rehearsals(service: Path) -> Iterator[Rehearsal]:
    """What was rehearsed in a service."""
    for path in sorted(service.glob(f"{RESULTS}/*/*/outcome.json")):
        outcome = json.loads(path.read_text())
        yield Rehearsal(service.name, path.parts[-2], outcome, path.with_name("plot.svg"), str(service.resolve()))


def page(found: list[Rehearsal]) -> str:
    """The table, and the pictures beneath."""
    lines = [
        "| service | candidate | outcome | why | answered | refused | lost | wrong |",
        "|---|---|---|---|--:|--:|--:|--:|",
    ]
    for one in found:
        counts = [f"{one.outcome['counts'][name]:,}" if one.outcome["counts"] else "" for name in COUNTS]
        verdict = "promoted" if one.outcome["promoted"] else "not promoted"
        cells = [one.service, one.candidate, verdict, one.short(one.outcome["why"]), *counts]
        lines.append(f"| {' | '.join(cells)} |")
    for one in found:
        title = one.outcome["title"]
        lines += ["", f"## {title}", ""]
        if one.plot.exists():
            lines += [
                f"![{title}](rehearsals/{one.name}.svg)",
                "",
                "The numbers above the picture are those of the steps:",
                "",
            ]
        lines += [
            f"{n}. {step['seconds']:.1f} s: {one.short(step['text'])}" for n, step in enumerate(one.outcome["steps"], 1)
        ]
    return "\n".join(lines) + "\n"


COUNTS = ("answered", "refused", "lost", "wrong")

if __name__ == "__main__":
    main()
