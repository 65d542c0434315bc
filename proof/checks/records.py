"""What a service says it is made of: lock, answers, pages and decision records name exactly what was chosen."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache

import yaml

from hooks.catalogue import Catalogue
from hooks.manifest import Manifest

from .repository import Repository

_VERSIONED = re.compile(r"\((ML-[A-Z]+-\d{3}), version ([\d.]+)\)")
_ROW = re.compile(r"\((ML-[A-Z]+-\d{3})\) \| ([\d.]+) \|")


def page_of(pattern: Manifest) -> str:
    """The path of a pattern's page in a service."""
    return f"docs/patterns/{f'{pattern.decision}-{pattern.value}'.replace('_', '-')}.md"


def record_problems(repository: Repository, catalogue: Catalogue) -> Iterator[str]:
    """Each record that is missing, left over or not true."""
    chosen = {(pattern.id, pattern.version): pattern for pattern in repository.patterns}
    yield from _lock(repository)
    yield from _answers(repository, catalogue)
    yield from _same(
        "docs/patterns", _below(repository, "docs/patterns/"), {page_of(row) for row in repository.patterns}
    )
    records = {
        decision.name: f"docs/decisions/{decision.number:04d}-{decision.name.replace('_', '-')}.md"
        for decision in catalogue.decisions
        if not decision.implied or any(row.decision == decision.name for row in repository.patterns)
    }
    present = _below(repository, "docs/decisions/")
    yield from _same("docs/decisions", present, {*records.values(), "docs/decisions/README.md"})
    for name, path in records.items():
        if path in present:
            told = set(_VERSIONED.findall(repository.facts[path].text))
            yield from _named(path, told, {key for key, row in chosen.items() if row.decision == name})
    if "README.md" in repository.facts:
        yield from _named("README.md", set(_ROW.findall(repository.facts["README.md"].text)), set(chosen))


def _below(repository: Repository, folder: str) -> set[str]:
    return {path for path in repository.facts if path.startswith(folder)}


def _same(where: str, found: set[str], expected: set[str]) -> Iterator[str]:
    for path in sorted(expected - found):
        yield f"{path}:1: is missing in {where}; what was chosen asks for it."
    for path in sorted(found - expected):
        yield f"{path}:1: stands in {where}, and nothing that was chosen asks for it."


def _named(path: str, found: set[tuple[str, str]], expected: set[tuple[str, str]]) -> Iterator[str]:
    for identity, version in sorted(expected - found):
        yield f"{path}:1: does not name {identity} in version {version}, which was chosen."
    for identity, version in sorted(found - expected):
        yield f"{path}:1: names {identity} in version {version}, which was not chosen."


def _lock(repository: Repository) -> Iterator[str]:
    path = "patterns.lock"
    if path not in repository.facts:
        yield f"{path}:1: is missing."
        return
    try:
        rows = tomllib.loads(repository.facts[path].text).get("pattern", [])
        found = [(row["decision"], row["value"], row["id"], row["version"]) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        yield f"{path}:1: is no list of patterns with decision, value, id and version ({error!r})."
        return
    expected = [(row.decision, row.value, row.id, row.version) for row in repository.patterns]
    if found != expected:
        wrong = [row for row in (*found, *expected) if row not in found or row not in expected] or found
        yield f"{path}:1: does not list what was chosen, in its order: see {', '.join(' '.join(row) for row in wrong)}."


@cache
def _read(content: bytes) -> object:
    """The answers; nothing where they cannot be read, which is another check's problem."""
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def _answers(repository: Repository, catalogue: Catalogue) -> Iterator[str]:
    path = ".copier-answers.yml"
    answers = _read(repository.service.files.get(path, b""))
    if not isinstance(answers, dict):
        yield f"{path}:1: is no mapping of answers."
        return
    for decision, values in repository.service.chosen.items():
        if decision not in catalogue.questions:
            continue
        told = answers.get(decision)
        if told != (list(values) if decision in catalogue.multiple else values[0]):
            at = repository.line(path, decision)
            yield f"{at}: answers {told} to {decision}; {', '.join(values) or 'none'} was chosen."
