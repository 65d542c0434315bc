"""The checks of a service: today's services pass all of them, and each planted defect is named, with its place."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from hooks.catalogue import Catalogue
from hooks.manifest import Manifest
from hooks.space import space
from proof.checks.import_names import declared, import_names, modules_of
from proof.checks.python_facts import python_facts
from proof.checks.whole import all_problems, problems_of_service
from proof.rendering import Renderer
from proof.services import Service

PACKAGE = "src/flight_delays"


@pytest.fixture(scope="module")
def renderer(plain_template: Path) -> Renderer:
    return Renderer(plain_template)


@pytest.fixture(scope="module")
def catalogue(renderer: Renderer) -> Catalogue:
    return renderer.catalogue


@pytest.fixture(scope="module")
def services(renderer: Renderer) -> list[Service]:
    """Every service that the catalogue gives today."""
    return [renderer.render(chosen) for chosen in space(renderer.catalogue)]


@pytest.fixture(scope="module")
def monitored(services: list[Service]) -> Service:
    """The service with metrics."""
    return next(service for service in plain(services) if service.chosen["monitoring"] == ("system",))


@pytest.fixture(scope="module")
def unwatched(services: list[Service]) -> Service:
    """The service without any monitoring."""
    return next(service for service in plain(services) if service.chosen["monitoring"] == ())


def plain(services: list[Service]) -> Iterator[Service]:
    """Those that have no store of features beside them."""
    return (service for service in services if service.chosen["feature_store"] == ("inline",))


def test_todays_services_have_no_problem(services: list[Service], catalogue: Catalogue) -> None:
    assert [problem for service in services for problem in all_problems(service, catalogue)] == []


# --- A whole service

Change = Callable[[str], str] | None


def instead(old: str, new: str) -> Callable[[str], str]:
    """A change of the first `old` in a file, which must be there."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def added(text: str) -> Callable[[str], str]:
    """A change that appends lines."""
    return lambda before: f"{before}{text}\n"


def changed(service: Service, path: str, change: Change) -> Service:
    """A service with one file changed, added, or, where the change is None, removed."""
    files = dict(service.files)
    before = files.pop(path, b"").decode()
    if change:
        files[path] = change(before).encode()
    return Service(service.chosen, files)


WHOLE_DEFECTS: dict[str, tuple[str, Change, str]] = {
    "a dependency of serving is dropped": (
        "pyproject.toml",
        instead('    "numpy>=2.0,<3",\n', ""),
        "imports numpy, and pyproject.toml declares it for what the image runs nowhere in dependencies.",
    ),
    "a dependency of training is dropped": (
        "pyproject.toml",
        instead('    "polars>=2.0,<3",\n', ""),
        "imports polars, and pyproject.toml declares it for training nowhere in the group train.",
    ),
    "a dependency of tests is dropped": (
        "pyproject.toml",
        instead('    "pyyaml>=6,<7",\n', ""),
        "imports yaml, and pyproject.toml declares it for tests nowhere in the group dev.",
    ),
    "serving imports what only training has": (
        f"{PACKAGE}/predictor.py",
        added("\n\ndef table() -> object:\n    import polars\n\n    return polars"),
        f"{PACKAGE}/predictor.py:{{}}: imports polars, and pyproject.toml declares it for what the image runs nowhere"
        " in dependencies; polars is declared, but for others.",
    ),
    "serving imports a module of training": (
        f"{PACKAGE}/predictor.py",
        added("\n\ndef cut() -> object:\n    from .training import plots\n\n    return plots"),
        f"{PACKAGE}/training/plots.py:{{}}: imports matplotlib.axes.Axes, and pyproject.toml declares it for what the",
    ),
    "a dependency that nothing imports": (
        "pyproject.toml",
        instead('    "numpy>=2.0,<3",\n', '    "numpy>=2.0,<3",\n    "orjson>=3,<4",\n'),
        "pyproject.toml:{}: orjson stands in dependencies, and nothing there imports it (as orjson) or calls it.",
    ),
    "a dependency of serving that only training imports": (
        "pyproject.toml",
        instead("dependencies = [\n", 'dependencies = [\n    "polars>=2.0,<3",\n'),
        "pyproject.toml:{}: polars stands in dependencies, and nothing there imports it (as polars) or calls it.",
    ),
    "a tool that nothing calls": (
        "pyproject.toml",
        instead('    "coverage>=7.10,<8",\n', '    "coverage>=7.10,<8",\n    "deptry>=0.20,<1",\n'),
        "pyproject.toml:{}: deptry stands in the group dev, and nothing there imports it (as deptry) or calls it.",
    ),
    "stubs of what nothing imports": (
        "pyproject.toml",
        instead('    "types-pyyaml>=6,<7",\n', '    "types-pyyaml>=6,<7",\n    "types-redis>=4,<5",\n'),
        "pyproject.toml:{}: types-redis stands in the group dev, and nothing there imports it (as redis-stubs)",
    ),
    "an excuse that is no longer true": (
        f"{PACKAGE}/serve.py",
        added("import httptools"),
        "pyproject.toml:{}: httptools is imported, although ML-SERV-001 (uvicorn parses HTTP with it",
    ),
    "an import of a module that is not there": (
        f"{PACKAGE}/serve.py",
        added("from .wirings import build"),
        f"{PACKAGE}/serve.py:{{}}: imports flight_delays.wirings, which does not exist.",
    ),
    "an import of a name that is not there": (
        "tests/test_scoring.py",
        added("from flight_delays.scoring import Scorers"),
        "tests/test_scoring.py:{}: imports Scorers from flight_delays.scoring, which has no such name.",
    ),
    "a script for any Python imports a package": (
        "deploy/rollout.py",
        instead("import argparse\n", "import argparse\n\nimport yaml\n"),
        "deploy/rollout.py:{}: imports yaml; `python3 deploy/rollout.py` runs it, without any package.",
    ),
    "a module beside a script for any Python imports a package": (
        "deploy/environment.py",
        instead("import re\n", "import re\n\nimport yaml\n"),
        "deploy/environment.py:{}: imports yaml; `python3 deploy/rollout.py` runs it, without any package.",
    ),
    "a setting that nothing reads": (
        f"{PACKAGE}/settings.py",
        instead("    threads: int", "    spare: int = 1\n    threads: int"),
        f"{PACKAGE}/settings.py:{{}}: nothing in src/ reads the setting spare.",
    ),
    "a variable that is no setting": (
        "deploy/overlays/production/settings.env",
        added("SERVICE_LOG_LEVLE=INFO"),
        "deploy/overlays/production/settings.env:2: SERVICE_LOG_LEVLE is no setting of this service.",
    ),
    "a value that is no choice of its setting": (
        "deploy/overlays/production/settings.env",
        instead("SERVICE_LOG_LEVEL=INFO", "SERVICE_LOG_LEVEL=LOUD"),
        "deploy/overlays/production/settings.env:1: SERVICE_LOG_LEVEL cannot be 'LOUD': ",
    ),
    "a value that is no number": (
        "deploy/overlays/staging/settings.env",
        added("SERVICE_MAX_ROWS=many"),
        "deploy/overlays/staging/settings.env:2: SERVICE_MAX_ROWS cannot be 'many': ",
    ),
    "a value above its bound": (
        "Dockerfile",
        instead("SERVICE_PORT=8080", "SERVICE_PORT=80800"),
        "Dockerfile:{}: SERVICE_PORT cannot be '80800': Input should be less than or equal to 65535",
    ),
    "a value below its bound in compose": (
        "compose.yaml",
        instead("    read_only: true\n", "    environment:\n      SERVICE_MAX_ROWS: 0\n    read_only: true\n"),
        "compose.yaml:{}: SERVICE_MAX_ROWS cannot be '0': ",
    ),
    "a value in a list of compose": (
        "compose.yaml",
        instead("    read_only: true\n", "    environment: [SERVICE_THREADS=x]\n    read_only: true\n"),
        "compose.yaml:{}: SERVICE_THREADS cannot be 'x': ",
    ),
    "a value in a manifest": (
        "deploy/base/deployment.yaml",
        instead(
            "          ports:\n",
            '          env:\n            - {name: SERVICE_LOG_REQUESTS, value: "maybe"}\n          ports:\n',
        ),
        "deploy/base/deployment.yaml:{}: SERVICE_LOG_REQUESTS cannot be 'maybe': ",
    ),
    "the image copies what is not there": (
        "Dockerfile",
        instead("COPY src src", "COPY source src"),
        "Dockerfile:{}: copies source, which neither exists nor is made by make.",
    ),
    "the image copies what a target only calls itself": (
        "Dockerfile",
        instead("COPY src src", "COPY train train"),
        "Dockerfile:{}: copies train, which neither exists nor is made by make.",
    ),
    "the image copies what its build leaves out": (
        ".dockerignore",
        instead("!src\n", ""),
        "Dockerfile:{}: copies src, which .dockerignore keeps out of the build.",
    ),
    "the image copies what a later line leaves out": (
        ".dockerignore",
        added("*.lock"),
        "Dockerfile:{}: copies uv.lock, which .dockerignore keeps out of the build.",
    ),
    "the build keeps what is not there": (
        ".dockerignore",
        added("!sources"),
        ".dockerignore:{}: keeps sources, which neither exists nor is made by make.",
    ),
    "a Service sends to a port that no pod names": (
        "deploy/base/service.yaml",
        instead("targetPort: http", "targetPort: web"),
        "deploy/base/service.yaml:{}: sends to the port web, which the pods that it selects do not name.",
    ),
    "a page names a target that is not there": (
        "docs/rollback.md",
        added("Then `make deploy`."),
        "docs/rollback.md:{}: `make deploy` is no target of the Makefile.",
    ),
    "a workflow calls a target that is not there": (
        ".github/workflows/release.yaml",
        instead("run: make check test image", "run: make check tests image"),
        ".github/workflows/release.yaml:{}: `make tests` is no target of the Makefile.",
    ),
    "a diagram names a target that is not there": (
        "README.md",
        instead("[make train]", "[make fit]"),
        "README.md:{}: `make fit` is no target of the Makefile.",
    ),
    "a command runs a module that is not there": (
        "Makefile",
        instead("python -m flight_delays.serve", "python -m flight_delays.server"),
        "Makefile:{}: runs flight_delays.server, which does not exist.",
    ),
    "a page names a file that is not there": (
        "docs/rollback.md",
        added("See `deploy/base/rollout.yaml`."),
        "docs/rollback.md:{}: names deploy/base/rollout.yaml, which does not exist.",
    ),
    "a page names a file of a folder that lacks it": (
        "docs/patterns/serving-online.md",
        added("See `domain/tables.py`."),
        "docs/patterns/serving-online.md:{}: names domain/tables.py, which does not exist.",
    ),
    "a command names a file that is not there": (
        "Makefile",
        instead("deploy/overlays/$(or", "deploy/environments/$(or"),
        "Makefile:{}: names deploy/environments/, which does not exist.",
    ),
    "a workflow names a file that is not there": (
        ".github/workflows/deploy.yaml",
        instead("python3 deploy/rollout.py", "python3 deploy/roll_out.py"),
        ".github/workflows/deploy.yaml:{}: names deploy/roll_out.py, which does not exist.",
    ),
    "a workflow's wildcard finds nothing": (
        ".github/workflows/ci.yaml",
        instead("deploy/monitoring/tests/*.yaml", "deploy/monitoring/tests/*.yml"),
        ".github/workflows/ci.yaml:{}: names deploy/monitoring/tests/*.yml, which does not exist.",
    ),
    "compose mounts a file that is not there": (
        "compose.yaml",
        instead("./deploy/monitoring/alerts.yaml", "./deploy/monitoring/alert.yaml"),
        "compose.yaml:{}: names deploy/monitoring/alert.yaml, which does not exist.",
    ),
    "a kustomization names a file that is not there": (
        "deploy/base/kustomization.yaml",
        instead("- service.yaml", "- services.yaml"),
        "deploy/base/kustomization.yaml:{}: names services.yaml, which does not exist.",
    ),
    "a link that leads nowhere": (
        "README.md",
        instead("(docs/rollback.md)", "(docs/rollbacks.md)"),
        "README.md:{}: the link docs/rollbacks.md leads nowhere.",
    ),
    "a link to a heading that is not there": (
        "README.md",
        instead("(docs/rollback.md)", "(docs/rollback.md#by-magic)"),
        "README.md:{}: the link docs/rollback.md#by-magic names a heading that docs/rollback.md does not have.",
    ),
    "an alert whose entry in the runbook is missing": (
        "docs/runbook.md",
        instead("## NoInstanceUp", "## NoInstance"),
        "deploy/monitoring/alerts.yaml:{}: the link docs/runbook.md#noinstanceup names a heading that docs/runbook.md",
    ),
    "a page that no link leads to": (
        "docs/notes.md",
        added("# Notes"),
        "docs/notes.md:1: no link leads here from README.md.",
    ),
    "a module that nothing imports": (
        f"{PACKAGE}/spare.py",
        added('"""Spare."""'),
        f"{PACKAGE}/spare.py:1: no command runs this module, and nothing that one runs imports it.",
    ),
    "a module that others import is missing": (
        f"{PACKAGE}/logs.py",
        None,
        "imports flight_delays.logs, which does not exist.",
    ),
    "a manifest that no kustomization names": (
        "deploy/base/role.yaml",
        added("kind: Role"),
        "deploy/base/role.yaml:1: nothing names this file",
    ),
    "a data file that no code opens": (
        f"{PACKAGE}/serving/docs/page.svg",
        added("<svg/>"),
        f"{PACKAGE}/serving/docs/page.svg:1: nothing names this file",
    ),
    "a helper of tests that none imports": (
        "tests/spare.py",
        added('"""Spare."""'),
        "tests/spare.py:1: nothing names this file",
    ),
    "a version in the lock that is not the manifest's": (
        "patterns.lock",
        instead('version = "1.0.0"', 'version = "0.9.0"'),
        "patterns.lock:1: does not list what was chosen",
    ),
    "a pattern that the lock leaves out": (
        "patterns.lock",
        lambda text: text[: text.rindex("[[pattern]]")].rstrip() + "\n",
        "patterns.lock:1: does not list what was chosen, in its order: see measurement requests ML-MEAS-001",
    ),
    "an answer that was not given": (
        ".copier-answers.yml",
        instead("- system", "- drift"),
        ".copier-answers.yml:{}: answers ['drift'] to monitoring; system was chosen.",
    ),
    "a page of a pattern is missing": (
        "docs/patterns/monitoring-system.md",
        None,
        "docs/patterns/monitoring-system.md:1: is missing in docs/patterns",
    ),
    "a page of no pattern": (
        "docs/patterns/serving-batch.md",
        added("# Batch"),
        "docs/patterns/serving-batch.md:1: stands in docs/patterns, and nothing that was chosen asks for it.",
    ),
    "a decision without a record": (
        "docs/decisions/0002-serving.md",
        None,
        "docs/decisions/0002-serving.md:1: is missing in docs/decisions",
    ),
    "a record that names another version": (
        "docs/decisions/0002-serving.md",
        instead("(ML-SERV-001, version 1.0.0)", "(ML-SERV-001, version 2.0.0)"),
        "docs/decisions/0002-serving.md:1: names ML-SERV-001 in version 2.0.0, which was not chosen.",
    ),
    "a README that leaves a pattern out": (
        "README.md",
        instead("(ML-DEP-001)", "(a pattern)"),
        "README.md:1: does not name ML-DEP-001 in version 1.0.0, which was chosen.",
    ),
    "a file of a chosen pattern is missing": (
        "deploy/base/poddisruptionbudget.yaml",
        None,
        "deploy/base/poddisruptionbudget.yaml:1: is missing; Deployment (ML-WORK-001) brings it.",
    ),
}


@pytest.mark.parametrize("case", WHOLE_DEFECTS)
def test_a_defect_of_a_service_is_named(monitored: Service, catalogue: Catalogue, case: str) -> None:
    path, change, expected = WHOLE_DEFECTS[case]
    problems = problems_of_service(changed(monitored, path, change), catalogue)
    before, _, after = expected.partition("{}")
    assert [row for row in problems if before in row and after in row.partition(before)[2]], problems


NO_DEFECTS: dict[str, tuple[str, Change]] = {
    "values that their settings take": (
        "deploy/overlays/staging/settings.env",
        added("SERVICE_LOG_REQUESTS=true\nSERVICE_HEADER_TIMEOUT_S=2.5\nSERVICE_SNAPSHOT_PATH=/data/snapshot.json"),
    ),
    "an image that copies a part of a folder": (
        "Dockerfile",
        instead("COPY src src", "COPY --link src/*/__init__.py \\\n    src ./src/"),
    ),
    "a build that keeps a part of a folder": (
        ".dockerignore",
        instead("!src\n", "!src/*/*\n"),
    ),
    "a Service that sends to a number": (
        "deploy/base/service.yaml",
        instead("targetPort: http", "targetPort: 8080"),
    ),
}


@pytest.mark.parametrize("case", NO_DEFECTS)
def test_what_a_service_may_hold_is_no_defect(monitored: Service, catalogue: Catalogue, case: str) -> None:
    path, change = NO_DEFECTS[case]
    assert problems_of_service(changed(monitored, path, change), catalogue) == []


TRACES: dict[str, tuple[str, str, str]] = {
    "its file": (
        f"{PACKAGE}/metrics.py",
        '"""Nothing."""',
        f"{PACKAGE}/metrics.py:1: belongs to Counts of calls (ML-MEAS-001); what was chosen does not ask for it.",
    ),
    "a file that another pattern adds beside it": (
        "deploy/monitoring/tests/rolling.yaml",
        "tests: []",
        "deploy/monitoring/tests/rolling.yaml:1: belongs to Rolling update (ML-DEP-001); what was chosen does not ask",
    ),
    "a line of its page": (
        "docs/delivery-checklist.md",
        "- [ ] Alerts with `severity: page` reach someone on call; one was fired on purpose and arrived.",
        "docs/delivery-checklist.md:{}: has the line '- [ ] Alerts with `severity: page` reach",
    ),
    "its class in a comment": (
        f"{PACKAGE}/serve.py",
        "# SystemMetrics counts this too.",
        f"{PACKAGE}/serve.py:{{}}: names 'SystemMetrics', which belongs to Counts of calls (ML-MEAS-001)",
    ),
    "its alert in a page": (
        "docs/rollback.md",
        "Is `NoInstanceUp` quiet?",
        "docs/rollback.md:{}: names 'NoInstanceUp', which belongs to System metrics (ML-MON-001)",
    ),
    "its metric in a page": (
        "docs/rollback.md",
        "Look at `prediction_duration_seconds`.",
        "docs/rollback.md:{}: names 'prediction_duration_seconds', which belongs to Canary release (ML-DEP-003)"
        " or Counts of calls (ML-MEAS-001)",
    ),
    "an alert that another pattern adds beside it": (
        "docs/rollback.md",
        "Is `FeatureSnapshotStale` quiet?",
        "docs/rollback.md:{}: names 'FeatureSnapshotStale', which belongs to Inline feature snapshot (ML-FEAT-002)",
    ),
    "its library in a page": (
        "docs/rollback.md",
        "The library is prometheus-client.",
        "docs/rollback.md:{}: names 'prometheus-client', which belongs to Canary release (ML-DEP-003)"
        " or Prometheus exposition (ML-EXP-001)",
    ),
    "its id": ("README.md", "See ML-MON-001.", "README.md:{}: names 'ML-MON-001', which belongs to System metrics"),
    "a word of its own": (
        "docs/rollback.md",
        "Grafana shows it.",
        "docs/rollback.md:{}: speaks of 'grafana', which belongs to Prometheus exposition (ML-EXP-001)",
    ),
    "a word that it declares in code": (
        f"{PACKAGE}/serve.py",
        'PATH = "/metrics"',
        f"{PACKAGE}/serve.py:{{}}: speaks of '/metrics', which belongs to Prometheus exposition (ML-EXP-001)",
    ),
}


@pytest.mark.parametrize("case", TRACES)
def test_a_trace_of_a_pattern_that_was_not_chosen_is_named(unwatched: Service, catalogue: Catalogue, case: str) -> None:
    path, line, expected = TRACES[case]
    problems = problems_of_service(changed(unwatched, path, added(line)), catalogue)
    before, _, after = expected.partition("{}")
    assert [row for row in problems if before in row and after in row.partition(before)[2]], problems


def test_what_was_chosen_is_no_trace(monitored: Service, catalogue: Catalogue) -> None:
    lines = "\n".join(line for path, line, _ in TRACES.values() if path == "docs/rollback.md")
    assert problems_of_service(changed(monitored, "docs/rollback.md", added(lines)), catalogue) == []


def test_decision_records_may_name_the_alternatives(unwatched: Service, catalogue: Catalogue) -> None:
    record = changed(unwatched, "docs/decisions/0004-monitoring.md", added("- Prometheus, by SystemMetrics."))
    assert problems_of_service(record, catalogue) == []


# --- What the checks rest on


def test_imports_are_found_wherever_they_stand() -> None:
    text = (
        b"import importlib\nfrom typing import TYPE_CHECKING\nfrom . import near\n"
        b"if TYPE_CHECKING:\n    from .typed import Only\n"
        b"def f():\n    from ..far import thing\n    importlib.import_module('polars')\n"
    )
    facts = python_facts("src/pkg/sub/module.py", text)
    assert facts.external == {"polars"}
    assert {"pkg.sub.near", "pkg.far", "pkg.far.thing"} <= facts.loads
    assert not facts.loads & {"pkg.sub.typed", "pkg.sub.typed.Only"}


def test_every_odd_import_name_is_of_a_declared_distribution(catalogue: Catalogue) -> None:
    assert import_names().keys() <= set(declared(catalogue))
    assert modules_of("scikit-learn") == ("sklearn",)
    assert modules_of("prometheus-client") == ("prometheus_client",)


def test_only_an_own_dependency_can_be_excused(catalogue: Catalogue) -> None:
    rows = {pattern.id: pattern.model_dump(exclude_defaults=True) for _, pattern in catalogue.patterns}
    with pytest.raises(ValidationError, match="'orjson' is no dependency of this pattern; possible: "):
        Manifest.model_validate({**rows["ML-SERV-001"], "unimported": {"orjson": "by name"}})
