"""What a service imports is declared in the group that needs it, and what is declared is imported or called."""

import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .import_names import modules_of
from .repository import Repository

PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Declared:
    """The distributions that pyproject.toml names, by group."""

    runtime: frozenset[str]
    optional: frozenset[str]
    """Of all extras together."""
    train: frozenset[str]
    dev: frozenset[str]


@cache
def declared(content: bytes) -> Declared:
    """The groups of a pyproject.toml; nothing of one that cannot be read, which is another check's problem."""
    try:
        project = tomllib.loads(content.decode("utf-8", errors="replace"))
    except tomllib.TOMLDecodeError:
        return Declared(frozenset(), frozenset(), frozenset(), frozenset())
    groups = project.get("dependency-groups", {})
    extras = project.get("project", {}).get("optional-dependencies", {})
    return Declared(
        *(
            frozenset(canonicalize_name(Requirement(row).name) for row in rows)
            for rows in (
                project.get("project", {}).get("dependencies", []),
                [row for rows in extras.values() for row in rows],
                groups.get("train", []),
                groups.get("dev", []),
            )
        )
    )


def dependency_problems(repository: Repository) -> Iterator[str]:
    """Each import without a declaration, each declaration without an import."""
    groups = declared(repository.service.files.get(PROJECT, b""))
    modules = _modules(repository)
    yield from _own_imports_exist(repository)
    image = groups.runtime | groups.optional
    everything = image | groups.train | groups.dev
    checks = (
        ("dependencies", "what the image runs", modules.image, image, image),
        ("the group train", "training", modules.others, image | groups.train, groups.train),
        ("the group dev", "tests", modules.tests, everything, groups.dev - groups.optional),
    )
    for where, who, paths, allowed, own in checks:
        used, missing = _imported(repository, paths, allowed)
        for module, path in missing:
            elsewhere = next((name for name in sorted(everything) if _provides(name, module)), None)
            hint = f"; {elsewhere} is declared, but for others" if elsewhere else ""
            at = repository.line(path, module.rpartition(".")[0] or module)
            yield f"{at}: imports {module}, and {PROJECT} declares it for {who} nowhere in {where}{hint}."
        if paths is modules.tests:
            used |= _called(repository, own) | _stubs(repository, own)
        yield from _unused(repository, own, used, where)
    yield from _plain_scripts(repository)


@dataclass(frozen=True)
class _Modules:
    """The paths of Python files by who runs them."""

    image: list[str]
    others: list[str]
    tests: list[str]


def _modules(repository: Repository) -> _Modules:
    started = frozenset(
        module
        for path, row in repository.facts.items()
        if path == "Dockerfile" or path.startswith("deploy/")
        for module in row.modules
    )
    image = {repository.modules[name] for name in repository.reachable(started)}
    source = {path for path in repository.python if path.startswith("src/")}
    tests = sorted(repository.python.keys() - source)
    return _Modules(sorted(image), sorted(source - image), tests)


def _own_imports_exist(repository: Repository) -> Iterator[str]:
    modules, python = repository.modules, repository.python
    rows = {row for facts in python.values() for row in facts.imports if row.top in (repository.package, "tests")}
    for row in sorted(rows):
        module, name = row.module, row.name
        missing = ""
        if module in modules:
            known = python[modules[module]].bound
            if name not in known and name not in ("", "*") and f"{module}.{name}" not in modules:
                missing = f"{name} from {module}, which has no such name"
        elif f"{module}.{name}" not in modules:
            missing = f"{module}, which does not exist"
        if missing:
            path = next(path for path, facts in python.items() if row in facts.imports)
            yield f"{path}:{row.line}: imports {missing}."


def _imported(
    repository: Repository, paths: Iterable[str], allowed: frozenset[str]
) -> tuple[set[str], list[tuple[str, str]]]:
    """The distributions that files import, and the modules that none of those allowed provides, each with a file."""
    users: dict[str, str] = {}
    for path in paths:
        users.update(dict.fromkeys(repository.python[path].external, path))
    used: set[str] = set()
    missing: list[tuple[str, str]] = []
    for module, path in users.items():
        owners = {name for name in allowed if _provides(name, module)}
        used |= owners
        if not owners and not repository.is_own(module, path):
            missing.append((module, path))
    return used, sorted(missing)


@cache
def _provides(distribution: str, module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in modules_of(distribution))


def _called(repository: Repository, names: frozenset[str]) -> set[str]:
    """The tools that commands of the Makefile, of workflows and of pre-commit run."""
    words = {word for row in repository.facts.values() for word in row.commands}
    return {name for name in names if name in words or not words.isdisjoint(modules_of(name))}


def _stubs(repository: Repository, names: frozenset[str]) -> set[str]:
    """The stubs of what is imported somewhere."""
    external = {module.split(".")[0] for facts in repository.python.values() for module in facts.external}
    stubs = {name: {module.removesuffix("-stubs") for module in modules_of(name)} for name in names}
    return {name for name, modules in stubs.items() if modules_of(name)[0].endswith("-stubs") and modules & external}


def _unused(repository: Repository, own: frozenset[str], used: set[str], where: str) -> Iterator[str]:
    excused: dict[str, str] = {
        canonicalize_name(name): f"{pattern.id} ({reason})"
        for pattern in repository.patterns
        for name, reason in pattern.unimported.items()
    }
    for name in sorted(own - used - excused.keys()):
        modules = " or ".join(modules_of(name))
        at = repository.line(PROJECT, name)
        yield f"{at}: {name} stands in {where}, and nothing there imports it (as {modules}) or calls it."
    for name in sorted(own & used & excused.keys()):
        yield f"{repository.line(PROJECT, name)}: {name} is imported, although {excused[name]} says it is not."


def _plain_scripts(repository: Repository) -> Iterator[str]:
    """What `python3 file.py` runs has the standard library, what lies beside it, and nothing else."""
    scripts = {script for row in repository.facts.values() for script in row.plain_scripts}
    todo = [(path, path) for path in sorted(scripts & repository.python.keys(), reverse=True)]
    done: set[str] = set()
    while todo:
        path, script = todo.pop()
        if path in done:
            continue
        done.add(path)
        for row in repository.python[path].imports:
            if beside := repository.beside(row.module, path):
                todo.append((beside, script))
            elif row.module.split(".")[0] not in sys.stdlib_module_names:
                yield f"{path}:{row.line}: imports {row.module}; `python3 {script}` runs it, without any package."
