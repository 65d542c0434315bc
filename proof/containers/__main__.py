"""Images, manifests and attacks with a real engine: `make prove-containers`. Writes its chapter of docs/proof.md.

Parts that passed for these very files are not run again, so it goes on where it was stopped.
"""

import argparse
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import page
from ..stages import revision
from .services import FOLDER, images

TESTS = Path(__file__).with_name("tests")
MEASURES = {
    "added_mb": "adds to the base, MB",
    "packages": "packages",
    "ready_s": "ready, s",
    "memory_mb": "memory, MB",
    "run_s": "a day, s",
}
OTHER_STYLE = ("it answers nobody over HTTP", "it does not run by the clock", "it consumes no events")
"""What tests of an image say that its serving style has no need of."""


@dataclass
class Part:
    """One run of pytest, and what it found."""

    name: str
    options: Sequence[str]
    passed: int = 0
    skipped: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def parts() -> list[Part]:
    """All of them: each module of tests, and the one about images once for each image."""
    modules = sorted(path for path in TESTS.glob("test_*.py") if path.stem != "test_images")
    found = [Part(path.stem.removeprefix("test_"), [str(path)]) for path in modules]
    return [*found, *(Part(name, [str(TESTS / "test_images.py"), f"--image={name}"]) for name in images())]


def main() -> int:
    """Run the parts that have not passed yet, and write the page anew after each."""
    parser = argparse.ArgumentParser(prog="python -m proof.containers", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="run parts again that passed for this revision")
    parser.add_argument("--only", action="append", help="a part, or how the name of several begins")
    options = parser.parse_args()
    key = revision()
    every = parts()
    chosen = [one for one in every if not options.only or one.name.startswith(tuple(options.only))]
    if not chosen:
        sys.exit(f"--only {options.only}: there is no such part; there are {', '.join(one.name for one in every)}")
    for part in every:
        if (memory := memory_of(part, key)).exists() and not (options.fresh and part in chosen):
            vars(part).update(json.loads(memory.read_text()))
    for number, part in enumerate(chosen, start=1):
        if part.passed:
            continue
        print(f"{number}/{len(chosen)} {part.name}", file=sys.stderr)
        if ended := run(part):
            return ended
        memory = memory_of(part, key)
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.with_suffix(".partial").write_text(json.dumps(asdict(part)))
        memory.with_suffix(".partial").replace(memory)
        page.write_containers(list(chapter(every)))
    return 0


def memory_of(part: Part, key: str) -> Path:
    """Where stands what a part found when it passed for a revision."""
    return FOLDER / "passed" / key / f"{part.name}.json"


def run(part: Part) -> int:
    """Run the tests of a part, and fill in what they found; the exit code of pytest."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    report, record = FOLDER / "suite.xml", FOLDER / "record.json"
    record.unlink(missing_ok=True)
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", "--quiet", "--numprocesses=0", f"--junit-xml={report}"]
    ended = subprocess.run([*command, f"--record={record}", *part.options], check=False).returncode
    if ended == 0:
        part.seconds = time.monotonic() - begun
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest just wrote it
        skipped = [row.attrib["message"] for case in cases if (row := case.find("skipped")) is not None]
        part.passed = len(cases) - len(skipped)
        part.skipped = [reason for reason in skipped if reason not in OTHER_STYLE]
        if record.exists():
            vars(part).update(json.loads(record.read_text()))
    return ended


def chapter(every: Sequence[Part]) -> Iterator[str]:
    """The lines of the chapter."""
    minutes = sum(one.seconds for one in every) / 60
    yield f"- {sum(one.passed for one in every)} tests passed in {minutes:.0f} minutes."
    if missing := [one.name for one in every if not one.passed]:
        yield f"- Not run for this revision: {', '.join(missing)}."
    for reason in sorted({reason for one in every for reason in one.skipped}):
        yield f"- Skipped: {reason}"
    for one in every:
        yield from (f"- {fact}" for fact in one.facts)
    measured = [one.figures for one in every if one.figures]
    if measured:
        yield (
            f"- {len(measured)} images, each another version of the Dockerfile, were built, looked into, started locked"
            " down, used and stopped; nothing was lost."
        )
        yield from ("", f"| image | {' | '.join(MEASURES.values())} |", f"|---|{'--:|' * len(MEASURES)}")
        for row in sorted(measured, key=lambda row: str(row["title"])):
            yield f"| {row['title']} | {' | '.join(str(row.get(name, '')) for name in MEASURES)} |"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; `make prove-containers` goes on from here.")
