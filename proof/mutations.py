"""Defects that are planted to see whether the proof finds them: a proof that lets one pass proves nothing."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from hooks.catalogue import read_catalogue
from hooks.check_patterns import find_all
from hooks.space import space

from .checks.linting import lint
from .everything import check, disagreements
from .pairs import all_pairs
from .rendering import Renderer
from .running import environment
from .running.runner import run_tests

FRAGMENTS = "pattern_fragments"
SERVICE = "templates/service"
PREDICT = f"{FRAGMENTS}/primary_function/predict"
ONLINE = f"{FRAGMENTS}/serving/online"
ROLLING = f"{FRAGMENTS}/deployment/rolling"
WORKLOAD = f"{FRAGMENTS}/workload/deployment"
SYSTEM = f"{FRAGMENTS}/monitoring/system"
EXPOSITION = f"{FRAGMENTS}/exposition/prometheus"
INLINE = f"{FRAGMENTS}/feature_store/inline"
NEEDY = f"{FRAGMENTS}/feature_store/needy"
FOLDER = environment.ROOT / "build" / "proof"


@dataclass(frozen=True)
class Mutation:
    """One defect: `old` becomes `new` in the file at `path`, or `new` becomes a file of its own."""

    name: str
    guard: str
    """Which part of the proof has to find it."""
    finding: str
    """A regular expression of what is found."""
    path: str
    old: str
    new: str
    prepare: Callable[[Path], None] | None = None
    """What the template must hold before, for the defect to be one."""

    def plant(self, root: Path) -> None:
        """Change the template under `root`; raises ValueError when there is nothing to change."""
        target = root / self.path
        text = target.read_text() if self.old else ""
        if self.old and self.old not in text:
            raise ValueError(f"{self.path} does not hold {self.old!r} any more; write the mutation {self.name!r} anew")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(self.old, self.new, 1) if self.old else self.new)


def add_needy(root: Path) -> None:
    """A second feature store, whose code imports what only metrics bring: it needs them."""
    folder = root / NEEDY
    shutil.copytree(root / INLINE, folder)
    manifest = yaml.safe_load((folder / "pattern.yml").read_text())
    manifest |= {"id": "ML-FEAT-999", "value": "needy", "needs": ["metrics"]}
    (folder / "pattern.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    store = folder / "files/src/__package__/feature_store/online.py"
    store.write_text(store.read_text() + "\n\nfrom ..metrics import SystemMetrics as SystemMetrics  # noqa: E402\n")


def manifests(root: Path) -> list[str]:
    """The check of the catalogue."""
    return [f"{one.path}:{one.line}: {one.field}: {one.message}" for one in find_all(read_catalogue(root))]


def every_combination(root: Path) -> list[str]:
    """Services in which every two choices meet, checked as every service is: what is found there is found in all."""
    combinations = all_pairs(read_catalogue(root))
    return [problem for _, problems in check(root, combinations, workers=1).failures for problem in problems]


def lint_and_types(root: Path) -> list[str]:
    """Format, lint and strict types."""
    renderer = Renderer(root)
    services = [renderer.render(chosen) for chosen in all_pairs(renderer.catalogue)]
    return lint(services, FOLDER / "lint", environment.python())


def generated_tests(root: Path) -> list[str]:
    """The tests of a service with as many patterns as can be."""
    renderer = Renderer(root)
    largest = max(space(renderer.catalogue), key=lambda chosen: sum(map(len, chosen.values())))
    return [f"{one.module}: {one.output}" for one in run_tests([renderer.render(largest)]) if one.failed]


def questionnaire(root: Path) -> list[str]:
    """The enumeration of the space beside Copier's own choices."""
    return disagreements(Renderer(root))


def suite(*files: str) -> Callable[[Path], list[str]]:
    """Files of this repository's own test suite, run on the changed template."""

    def run(root: Path) -> list[str]:
        if not (root / ".git").exists():
            subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        command = (sys.executable, "-m", "pytest", "--quiet", "--numprocesses", "0", *files)
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return []
        return re.findall(r"^FAILED .+", done.stdout, re.MULTILINE) or [done.stdout[-500:]]

    return run


GUARDS: dict[str, Callable[[Path], list[str]]] = {
    "manifests": manifests,
    "every combination": every_combination,
    "lint and types": lint_and_types,
    "generated tests": generated_tests,
    "questionnaire": questionnaire,
    "updates": suite(
        "tests/test_update.py::test_edits_of_the_team_survive_an_update",
        "tests/test_update.py::test_the_domain_is_never_removed",
        "tests/test_update.py::test_a_renamed_pattern_is_followed",
        "tests/test_update_report.py::test_edited_files_that_have_no_place_any_more_are_kept_and_named",
    ),
    "refusals": suite("tests/test_refusals.py", "-k", "every_ruled_out_choice"),
}
SLOW = frozenset({"generated tests", "updates", "refusals"})
"""Guards that take more than some seconds."""


# fmt: off
MUTATIONS = (
    # Engine
    Mutation("needs are ignored by the questionnaire", "questionnaire", "feature_store=needy .* Copier says 'possible'",
             "templates/compose.jinja", "if need not in provided", "if need in []", add_needy),
    Mutation("needs are ignored when answers are given as data", "refusals", "test_every_ruled_out_choice",
             "templates/compose.jinja", "if need not in provided", "if need in []"),
    Mutation("files ignore the capability of their `when`", "every combination",
             r"\.\./alerts\.yaml, which does not exist", "templates/compose.jinja",
             "if file is string or file.when in capabilities", "if true"),
    Mutation("patterns are included whether chosen or not", "every combination", "does not list what was chosen",
             "templates/compose.jinja", "if pattern.value in values -%}", "if true -%}"),
    Mutation("a shared file asks for a misspelt slot", "manifests", "no slot; did you mean Makefil",
             f"{SERVICE}/Makefile.jinja", "slot('Makefile'", "slot('Makefil'"),
    Mutation("a template names a variable that does not exist", "every combination", "'projekt' is undefined",
             f"{SERVICE}/README.md.jinja", "{{ description }}", "{{ projekt }}"),
    Mutation("a file is another one each time", "every combination", "No filter named 'random'",
             f"{SERVICE}/README.md.jinja", "{{ description }}", "{{ [1, 2] | random }}"),
    Mutation("a file depends on where it is rendered", "every combination", "no attribute 'dst_path'",
             f"{SERVICE}/README.md.jinja", "{{ description }}", "{{ _copier_conf.dst_path }}"),
    Mutation("a file of an unchosen pattern leaks", "every combination", "metrics.py:1: belongs to Counts of calls",
             f"{SERVICE}/src/{{{{ package }}}}/metrics.py", "", '"""Metrics."""\n'),
    Mutation("a shared file speaks of an unchosen pattern", "every combination", "speaks of 'grafana'",
             f"{SERVICE}/docs/delivery-checklist.md.jinja", "# ", "See Grafana.\n\n# "),
    Mutation("the record of patterns has another version", "every combination", "patterns.lock:1: .* ML-PRED-001 0.9.0",
             f"{SERVICE}/patterns.lock.jinja", "{{ pattern.version }}", "0.9.0"),
    Mutation("the team's folder is updated", "updates", "test_edits_of_the_team_survive_an_update",
             "copier.yml", '_skip_if_exists:\n  - "src/*/domain/"\n  - "tests/domain/"\n', ""),
    Mutation("a renamed pattern is not followed", "updates", "test_a_renamed_pattern_is_followed",
             "templates/compose.jinja", "if value in pattern.formerly", "if false"),
    Mutation("edited files that go are not kept", "updates", "test_edited_files_that_have_no_place_any_more_are_kept",
             f"{SERVICE}/scripts/update.py", "lost.append(", "len("),
    Mutation("the team's folder is removed", "updates", "test_the_domain_is_never_removed",
             "copier.yml", "_copier_operation == 'update'", "_copier_operation == 'never'"),
    # Fragments
    Mutation("a dependency is dropped", "every combination", "imports starlette.* nowhere in dependencies",
             f"{ONLINE}/pattern.yml", '    - "starlette', '    # - "starlette'),
    Mutation("a dependency is declared and not used", "every combination", "tqdm stands in the group train",
             f"{PREDICT}/pattern.yml", "  train:\n", '  train:\n    - "tqdm>=4,<5"\n'),
    Mutation("a need is removed", "every combination", "imports flight_delays.metrics, which does not exist",
             f"{NEEDY}/pattern.yml", "needs:\n- metrics\n", "", add_needy),
    Mutation("a slot is misspelt", "manifests", "wiring.observer is no slot; did you mean wiring.observers",
             f"{SYSTEM}/slots/wiring.observer", "", "SystemMetrics(signature),\n"),
    Mutation("a file is not listed", "manifests", "cache.py.* is not listed",
             f"{INLINE}/files/src/__package__/cache.py", "", '"""A cache."""\n'),
    Mutation("a page lacks a section", "manifests", "## Morals",
             f"{ROLLING}/pattern.md", "## Ethics", "## Morals"),
    Mutation("a setting is never read", "every combination", "nothing in src/ reads the setting sleep_s",
             f"{ONLINE}/pattern.yml", "settings:\n",
             'settings:\n  - {name: sleep_s, type: float, default: 1.0, ge: 0, help: "Seconds."}\n'),
    Mutation("a link leads nowhere", "every combination", "docs/run-book.md leads nowhere",
             f"{EXPOSITION}/slots/README", "docs/runbook.md)", "docs/run-book.md)"),
    Mutation("an alert rule is no YAML", "every combination", "alerts.yaml:.* is not YAML",
             f"{INLINE}/slots/alerts", "- alert: FeatureSnapshotStale", "- alert FeatureSnapshotStale"),
    Mutation("an alert rule has a misspelt key", "every combination", "'for_' is no key of a rule",
             f"{INLINE}/slots/alerts", "for: 90m", "for_: 90m"),
    Mutation("a setting's value is not allowed", "every combination", "SERVICE_LOG_LEVEL cannot be 'LOUD'",
             f"{SERVICE}/deploy/overlays/production/settings.env", "SERVICE_LOG_LEVEL=INFO", "SERVICE_LOG_LEVEL=LOUD"),
    Mutation("two slots give one target", "every combination", "gives image a second recipe",
             f"{INLINE}/slots/Makefile", ".PHONY: ", "image:\n\t@true\n\n.PHONY: "),
    Mutation("the build keeps out what the image copies", "every combination",
             "which .dockerignore keeps out of the build", f"{SERVICE}/.dockerignore.jinja", "!src", "!source"),
    Mutation("tests never run", "every combination", "skips tests without a condition",
             f"{FRAGMENTS}/measurement/requests/files/tests/test_metrics.py", "\n\n\n",
             '\n\npytestmark = pytest.mark.skip(reason="flaky")\n\n\n'),
    Mutation("an alert rule is no PromQL", "generated tests", "test_alerts",
             f"{INLINE}/slots/alerts", "expr: max by (", "expr: max by (("),
    Mutation("code is not formatted", "lint and types", "scoring.py:.* unformatted",
             f"{PREDICT}/files/src/__package__/scoring.py", "id=os.urandom(16).hex(),", "id = os.urandom(16).hex(),"),
    Mutation("code has a wrong type", "lint and types", 'scoring.py:.* incompatible type "bytes"',
             f"{PREDICT}/files/src/__package__/scoring.py", "id=os.urandom(16).hex(),", "id=os.urandom(16),"),
    Mutation("code does the wrong thing", "generated tests", "test_rollout",
             f"{WORKLOAD}/files/deploy/rollout.py", "    if not before.complete:", "    if before.complete:"),
)
# fmt: on


def find(mutation: Mutation, template: Path, root: Path) -> list[str]:
    """Copy the template to `root`, plant the defect there, and return what the guard finds."""
    shutil.copytree(template, root)
    if mutation.prepare:
        mutation.prepare(root)
    mutation.plant(root)
    return GUARDS[mutation.guard](root)
