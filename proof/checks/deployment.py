"""What is built and run fits together: the image's files are in its build, and a Service finds the port of its pods."""

import re
from collections.abc import Iterator
from fnmatch import translate
from functools import cache
from typing import NamedTuple

import yaml

from .repository import Repository
from .yaml_nodes import below, documents, items, line, pairs, scalar

IGNORE = ".dockerignore"
DOCKERFILE = "Dockerfile"


def deployment_problems(repository: Repository) -> Iterator[str]:
    """Each path that the image cannot get, and each port that no pod has."""
    yield from _context(repository)
    yield from _ports(repository)


# --- What the image copies


def _context(repository: Repository) -> Iterator[str]:
    rows = _patterns(repository.facts[IGNORE].text) if IGNORE in repository.facts else ()
    for row in rows:
        if row.kept and not _exists(repository, row.pattern):
            yield f"{IGNORE}:{row.line}: keeps {row.pattern}, which neither exists nor is made by make."
    if DOCKERFILE not in repository.facts:
        return
    for number, path in _copied(repository.facts[DOCKERFILE].text):
        if not _exists(repository, path):
            yield f"{DOCKERFILE}:{number}: copies {path}, which neither exists nor is made by make."
        elif _excluded(path, rows):
            yield f"{DOCKERFILE}:{number}: copies {path}, which {IGNORE} keeps out of the build."


def _exists(repository: Repository, path: str) -> bool:
    """Whether the service has it, or a target of its Makefile, which is not phony, makes it or the folder it is in."""
    made = repository.facts["Makefile"].rules - _phony(repository) if "Makefile" in repository.facts else frozenset()
    if path == "." or path in repository.paths or path.split("/")[0] in made:
        return True
    return "*" in path and any(_shape(path).fullmatch(one) for one in repository.paths)


def _phony(repository: Repository) -> frozenset[str]:
    rows = re.findall(r"^\.PHONY:(.*)", repository.facts["Makefile"].text, re.MULTILINE)
    return frozenset(word for row in rows for word in row.split())


class _Row(NamedTuple):
    line: int
    pattern: str
    kept: bool


@cache
def _patterns(text: str) -> tuple[_Row, ...]:
    """The patterns of a .dockerignore in their order; of those that match, the last one counts."""
    rows = ((number, row.strip()) for number, row in enumerate(text.splitlines(), start=1))
    return tuple(
        _Row(number, row.lstrip("!").strip("/"), row.startswith("!"))
        for number, row in rows
        if row and not row.startswith("#")
    )


def _excluded(path: str, rows: tuple[_Row, ...]) -> bool:
    parts = path.split("/")
    around = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    excluded = False
    for row in rows:
        if any(_shape(row.pattern).fullmatch(one) for one in around):
            excluded = not row.kept
        elif row.kept and (path == "." or row.pattern.startswith(f"{path}/")):
            excluded = False  # something in this folder is kept
    return excluded and path != "."


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    """A pattern of Docker: a star stays within its folder, two cross folders."""
    parts = pattern.replace("**/", "\0").replace("**", "\1")
    plain = translate(parts).replace(".*", "[^/]*")
    return re.compile(plain.replace("\0", "(?:.*/)?").replace("\1", ".*"))


@cache
def _copied(text: str) -> tuple[tuple[int, str], ...]:
    """Line and path of whatever a Dockerfile copies from its context."""
    found: list[tuple[int, str]] = []
    lines = text.splitlines()
    for number, row in enumerate(lines, start=1):
        if not re.match(r"\s*(?:COPY|ADD)\s", row):
            continue
        rest = row.split(maxsplit=1)[1] if len(row.split()) > 1 else ""
        following = iter(lines[number:])
        while rest.endswith("\\"):
            rest = f"{rest[:-1]} {next(following, '').strip()}"
        flags = re.match(r"(?:--\S+\s+)*", rest)
        start = flags[0] if flags else ""
        if "--from=" in start or "<<" in rest:
            continue
        rest = rest[len(start) :]
        words = re.findall(r'"([^"]*)"', rest) if rest.startswith("[") else rest.split()
        found += [(number, _plain(word)) for word in words[:-1] if "$" not in word and "://" not in word]
    return tuple(found)


def _plain(path: str) -> str:
    return path.removeprefix("./").strip("/") or "."


# --- Ports


class _Pod(NamedTuple):
    labels: frozenset[tuple[str, str]]
    ports: frozenset[str]


class _Target(NamedTuple):
    line: int
    selector: frozenset[tuple[str, str]]
    port: str


def _ports(repository: Repository) -> Iterator[str]:
    manifests = {
        path: _manifest(row.text)
        for path, row in repository.facts.items()
        if path.startswith("deploy/") and path.endswith((".yaml", ".yml"))
    }
    pods = [pod for found, _ in manifests.values() for pod in found]
    for path, (_, targets) in manifests.items():
        for row in targets:
            selected = [pod for pod in pods if row.selector <= pod.labels]
            if selected and not any(row.port in pod.ports for pod in selected):
                yield f"{path}:{row.line}: sends to the port {row.port}, which the pods that it selects do not name."


@cache
def _manifest(text: str) -> tuple[tuple[_Pod, ...], tuple[_Target, ...]]:
    """The pods that a manifest describes, and the named ports that its Services send to."""
    pods: list[_Pod] = []
    targets: list[_Target] = []
    for root in documents(text):
        kind = scalar(below(root, "kind"))
        if kind == "Service":
            selector = _labels(below(root, "spec", "selector"))
            for port in items(below(root, "spec", "ports")):
                target = below(port, "targetPort")
                name = scalar(target)
                if target and name and selector and not name.isdigit():
                    targets.append(_Target(line(target), selector, name))
        pod = root if kind == "Pod" else below(root, "spec", "template")
        ports = frozenset(
            name
            for group in ("containers", "initContainers")
            for container in items(below(pod, "spec", group))
            for port in items(below(container, "ports"))
            if (name := scalar(below(port, "name")))
        )
        if labels := _labels(below(pod, "metadata", "labels")):
            pods.append(_Pod(labels, ports))
    return tuple(pods), tuple(targets)


def _labels(node: yaml.Node | None) -> frozenset[tuple[str, str]]:
    return frozenset((name, scalar(value) or "") for name, (_, value) in pairs(node).items())
