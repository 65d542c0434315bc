"""The parts of the full proof, in their order; each says what it proved, counts it, and names what failed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from hooks.catalogue import read_catalogue
from hooks.space import Combination, space

from .checks.linting import lint, title
from .everything import check, core, disagreements, explained, to_render
from .isolation import RESOLUTIONS, IsolationError, isolate, revision_count, sample
from .pairs import all_pairs
from .rendering import Renderer
from .running import environment
from .running.runner import run_tests
from .template import ROOT, tracked_files

FOLDER = ROOT / "build" / "proof"
TEMPLATE = FOLDER / "template"
# A change of these changes no result.
PROSE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs/", ".github/", "demo.py")
# What some tests need, and skip themselves without.
TOOLS = (
    *("docker", "java", "kubectl", "nats-server", "npm", "prometheus-pushgateway", "promtool", "pushgateway"),
    *("redis-server", "uv"),
)
PARSERS = ROOT / "build" / "diagram_parsers"
EXCUSED = re.compile(r"not installed|is missing|are missing")
NAMED = {
    "Diagrams": ("test_diagrams.py",),
    "Refusals": ("test_refusals.py",),
    "A service lived in": ("test_service.py",),
    "The proof proves": ("test_mutations.py",),
    "Real history": ("test_history.py",),
    "Updates": ("test_update.py", "test_update_report.py", "test_update_properties.py"),
}
# tests/test_proof.py is the everyday form of the stages before these.
REST = {path.name for path in (ROOT / "tests").glob("test_*.py")}.difference(("test_proof.py",), *NAMED.values())
SUITES = {"Everything else": tuple(sorted(REST)), **NAMED}


@dataclass
class Stage:
    """What one part of the proof found."""

    name: str
    facts: list[str] = field(default_factory=list)
    """Sentences with the counts."""
    slowest: list[tuple[str, float]] = field(default_factory=list)
    """The slowest parts, with their seconds."""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def revision() -> str:
    """What the proof is about: a hash of every tracked file but prose, of the Python and of the tools at hand."""
    digest = sha256(repr((sys.version, [shutil.which(tool) for tool in TOOLS], PARSERS.is_dir())).encode())
    for name in tracked_files():
        if not name.startswith(PROSE):
            digest.update(f"{name}\0".encode() + sha256((ROOT / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


def passed(key: str) -> list[Stage]:
    """The stages that passed for a revision, in their order."""
    memories = [_memory(name, key) for name in STAGES]
    return [Stage(**json.loads(memory.read_text())) for memory in memories if memory.is_file()]


def _memory(name: str, key: str) -> Path:
    return FOLDER / "stages" / key / f"{name.replace(' ', '-').lower()}.json"


def run(name: str, key: str, *, fresh: bool = False) -> tuple[Stage, bool]:
    """One stage, and whether an earlier run of the same revision had passed it already."""
    memory = _memory(name, key)
    if memory.is_file() and not fresh:
        return Stage(**json.loads(memory.read_text())), True
    begun = time.monotonic()
    anew = {"All pairs": pairs, "Core combinations": core_combinations}
    stage = anew[name](fresh=True) if fresh and name in anew else STAGES[name]()
    stage.name, stage.seconds = name, time.monotonic() - begun
    if revision() != key:
        stage.problems.append("Files changed meanwhile, so it is not known what was proven: run it again.")
    if not stage.problems:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(stage)))
        partial.replace(memory)
    return stage, False


def the_space() -> Stage:
    """How many services there are, and that Copier offers exactly these."""
    renderer = Renderer(TEMPLATE)
    catalogue = renderer.catalogue
    count = sum(1 for _ in space(catalogue))
    return Stage(
        "",
        [
            f"{len(catalogue.patterns)} patterns for {len(catalogue.decisions)} decisions give {count} valid services.",
            "In every reachable state of the questionnaire Copier offers the choices that the enumeration takes for"
            " possible, and no other.",
        ],
        problems=disagreements(renderer),
    )


def rendering() -> Stage:
    """Every combination rendered and checked."""
    renderer = Renderer(TEMPLATE)
    combinations = to_render(renderer)
    checked = check(TEMPLATE, combinations)
    stage = Stage("", [
        f"{checked.services} services were rendered: {checked.files} files, {len(checked.versions)} of them distinct.",
        "Each distinct file parses and has no trace of a template; each service declares what it imports and uses what"
        " it declares, reads its settings, has no dead link, no orphan file, no trace of what was not chosen, and"
        " records exactly what was.",
    ])  # fmt: skip
    stage.problems = explained(renderer, combinations, checked)
    return stage


def linting() -> Stage:
    """Format, lint and types."""
    renderer = Renderer(TEMPLATE)
    services = [renderer.render(chosen) for chosen in core(renderer.catalogue)]
    distinct = {item for service in services for item in service.files.items() if item[0].endswith(".py")}
    facts = [f"{len(distinct)} distinct Python files of {len(services)} services: format, lint and strict types."]
    return Stage("", facts, problems=lint(services, FOLDER / "lint", environment.python(), exactly=True))


def pairs(*, fresh: bool = False) -> Stage:
    """The tests of services in which every two choices meet that can."""
    return _tested(all_pairs(read_catalogue(TEMPLATE)), fresh)


def core_combinations(*, fresh: bool = False) -> Stage:
    """The tests of every core combination."""
    return _tested(core(read_catalogue(TEMPLATE)), fresh)


def _tested(combinations: Sequence[Combination], fresh: bool) -> Stage:
    renderer = Renderer(TEMPLATE)
    outcomes = run_tests([renderer.render(chosen) for chosen in combinations], fresh=fresh)
    skipped = Counter(reason for one in outcomes for _, reason in one.skipped)
    services = {title(one.service) for one in outcomes}
    ran = [one for one in outcomes if not one.reused]
    stage = Stage("", [
        f"{len(services)} services, {len(outcomes)} test modules, {sum(one.passed for one in outcomes)} tests passed.",
        f"{len(outcomes) - len(ran)} modules were not run again, because another run had read the same files.",
        *(f"Skipped {count} times: {reason}" for reason, count in skipped.items()),
    ])  # fmt: skip
    stage.slowest = sorted(((one.module, one.seconds) for one in ran), key=lambda row: -row[1])[:5]
    stage.problems = [f"{one.module} of {title(one.service)}:\n{one.output}" for one in outcomes if one.failed]
    stage.problems += [f"Skipped without need: {reason}" for reason in skipped if not EXCUSED.search(reason)]
    return stage


def isolation() -> Stage:
    """A service installed from nothing, at the lowest and the highest versions; another one each revision."""
    renderer = Renderer(TEMPLATE)
    chosen = sample(all_pairs(renderer.catalogue), revision_count(ROOT))
    service = renderer.render(chosen)
    stage = Stage("", [f"This revision's sample is {title(service)}."])
    for resolution in RESOLUTIONS:
        try:
            done = isolate(service, resolution, FOLDER / "isolation" / resolution / "flight-delays")
        except IsolationError as error:
            stage.problems.append(f"{resolution}: {error}")
        else:
            stage.facts.append(f"Versions {resolution}, Python {done.python}: {done.summary}.")
    return stage


def suite(name: str) -> Callable[[], Stage]:
    """Files of the test suite, with as many examples as the full proof draws."""

    def run_suite() -> Stage:
        report = FOLDER / "suite.xml"
        files = [f"tests/{file}" for file in SUITES[name]]
        command = [sys.executable, "-m", "pytest", "--quiet", "--dist=worksteal", f"--junit-xml={report}", *files]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PROVE": "1"}, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest just wrote it
        failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        skipped = [case for case in cases if case.find("skipped") is not None]
        stage = Stage("", [f"{len(cases) - len(failed) - len(skipped)} tests passed, {len(skipped)} were skipped."])
        stage.slowest = sorted(((case.attrib["name"], float(case.attrib["time"])) for case in cases), key=_seconds)[:3]
        reasons = {case.find("skipped").attrib["message"] for case in skipped}  # type: ignore[union-attr]
        stage.facts += [f"Skipped: {reason}" for reason in sorted(reasons)]
        stage.problems = [f"{case.attrib['classname']}::{case.attrib['name']}" for case in failed]
        stage.problems += [f"Skipped without need: {reason}" for reason in reasons if not EXCUSED.search(reason)]
        if done.returncode and not failed:
            stage.problems.append(f"pytest ended with {done.returncode}; see its output above.")
        return stage

    return run_suite


def _seconds(row: tuple[str, float]) -> float:
    return -row[1]


def growth() -> Stage:
    """How the time of `copier copy` and `copier update` grows with the catalogue."""
    command = [sys.executable, "benchmarks/growth.py"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    problems = [] if done.returncode == 0 else [f"`{' '.join(command[1:])}` ended with {done.returncode}."]
    return Stage(
        "", ["Medians, and ratios within a round, of `make benchmark-growth`:", done.stdout.strip()], problems=problems
    )


STAGES: dict[str, Callable[[], Stage]] = {
    "The space": the_space,
    "Every combination": rendering,
    "Format, lint and types": linting,
    "All pairs": pairs,
    "Core combinations": core_combinations,
    "Isolation": isolation,
    **{name: suite(name) for name in SUITES},
    "Growth": growth,
}
