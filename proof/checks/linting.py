"""Format, lint and strict types of what services are made of, by their own pyproject.toml and the tools they lock.

A file's format and lint depend on the file and the settings alone, so each distinct file is looked at once. Its types
depend on the files around it: services are typed one after the other in one folder, where mypy's cache leaves only
what differs, until every distinct file was typed in one of them, or, with `exactly`, in every set of files there is.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..services import Service
from .dependencies import PROJECT

Content = tuple[str, bytes]


def lint(
    services: Iterable[Service],
    folder: Path,
    python: Path,
    *,
    exactly: bool = False,
    typed: Iterable[Service] | None = None,
) -> list[str]:
    """One sentence for each problem; `folder` is kept for the next run, `python` has the tools and what is imported.

    With `typed`, types are looked at in these services alone: it takes ten times as long as all else.
    """
    listed = list(services)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as alone:
        # Services follow each other in one folder: two runs at once would see each other's files.
        fcntl.flock(alone, fcntl.LOCK_EX)
        return [
            *ruff_problems(listed, folder / "ruff", python),
            *typing_problems(listed if typed is None else list(typed), folder / "mypy", python, exactly=exactly),
        ]


def title(service: Service) -> str:
    """The choices of a service, in one line."""
    return ", ".join(f"{decision}: {' and '.join(values) or 'none'}" for decision, values in service.chosen.items())


def _python_files(service: Service) -> Iterator[Content]:
    return ((path, content) for path, content in service.files.items() if path.endswith(".py"))


def _settings(service: Service) -> dict[str, Any]:
    return tomllib.loads(service.files[PROJECT].decode())


# --- Format and lint


@dataclass
class _Layer:
    """Files of several services that fit into one folder: one content for each path, one configuration for all."""

    configuration: str
    project: bytes
    origins: dict[str, Service] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def layers(services: Iterable[Service]) -> list[_Layer]:
    """Every distinct Python file of the services, in as few folders as that takes."""
    found: list[_Layer] = []
    seen: set[tuple[str, str, bytes]] = set()
    for service in services:
        project = _settings(service)
        # What ruff reads; dependencies differ without any effect on it.
        configuration = json.dumps([project["project"].get("requires-python"), project.get("tool", {}).get("ruff")])
        for path, content in _python_files(service):
            if (configuration, path, content) in seen:
                continue
            seen.add((configuration, path, content))
            for layer in found:
                if layer.configuration == configuration and path not in layer.files:
                    break
            else:
                layer = _Layer(configuration, service.files[PROJECT])
                found.append(layer)
            layer.files[path] = content
            layer.origins[path] = service
    return found


def ruff_problems(services: Sequence[Service], folder: Path, python: Path) -> Iterator[str]:
    """What `ruff format --check` and `ruff check` say of every distinct file."""
    shutil.rmtree(folder, ignore_errors=True)
    found = layers(services)
    # Imports are sorted by whether they are the service's own, which ruff sees from the modules that are there.
    empty = {path: b"" for layer in found for path in layer.files}
    for number, layer in enumerate(found):
        Service({}, {PROJECT: layer.project, **empty, **layer.files}).write(folder / f"layer{number}")
    ruff = [str(python), "-m", "ruff"]
    options = ["--no-cache", "--no-respect-gitignore", "--quiet"]
    for command in (
        [*ruff, "format", "--check", "--output-format", "concise", *options, "."],
        [*ruff, "check", "--output-format", "concise", *options, "."],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        yield from _ruff_lines(done, found, command[3])


def _ruff_lines(done: subprocess.CompletedProcess[str], found: list[_Layer], command: str) -> Iterator[str]:
    rows = re.findall(r"^layer(\d+)/([^:\n]+):(\d+):\d+: (.+)$", done.stdout, re.MULTILINE)
    for number, path, line, message in rows:
        origin = found[int(number)].origins.get(path)
        yield f"{path}:{line}: {message} ({title(origin) if origin else 'every service'})"
    if done.returncode and not rows:
        said = (done.stdout + done.stderr)[-500:].strip()
        yield f"{PROJECT}:1: `ruff {command}` ended with {done.returncode}: {said}"


# --- Types


def services_to_type(services: Sequence[Service], *, exactly: bool) -> list[Service]:
    """Services that hold every distinct Python file; with `exactly`, every distinct set of Python files."""
    sets: dict[frozenset[Content], Service] = {}
    for service in services:
        sets.setdefault(frozenset(_python_files(service)), service)
    if exactly:
        return list(sets.values())
    chosen: list[Service] = []
    missing = frozenset[Content]().union(*sets)
    while missing:
        best = max(sets, key=lambda files: len(files & missing))
        chosen.append(sets.pop(best))
        missing -= best
    return chosen


def typing_problems(services: Sequence[Service], folder: Path, python: Path, *, exactly: bool) -> Iterator[str]:
    """What `mypy` says of the services that cover them all, as `make check` runs it in a service."""
    place = folder / "service"
    for service in tqdm(services_to_type(services, exactly=exactly), desc="types", unit="service", disable=None):
        _become(place, {path: content for path, content in service.files.items() if path.endswith((".py", PROJECT))})
        command = [str(python), "-m", "mypy", "--cache-dir", str(folder.resolve() / "cache"), "--no-error-summary"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        errors = [line for line in done.stdout.splitlines() if ": error: " in line]
        if done.returncode and not errors:
            errors = [f"{PROJECT}:1: mypy ended with {done.returncode}: {(done.stdout + done.stderr)[-500:].strip()}"]
        yield from (f"{line} ({title(service)})" for line in [*errors, *_untyped(service)])


def _untyped(service: Service) -> Iterator[str]:
    """The Python files that the configuration of mypy does not name."""
    named = _settings(service).get("tool", {}).get("mypy", {}).get("files", [])
    for path, _ in _python_files(service):
        if not any(path == name or path.startswith(f"{name.rstrip('/')}/") for name in named):
            yield f"{path}:1: is not among the files of [tool.mypy] in {PROJECT}, so nothing types it."


def _become(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder hold exactly these files, without touching those that are right already."""
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name, path in present.items():
        if name not in files:
            path.unlink()
    changed = {
        name: content for name, content in files.items() if name not in present or present[name].read_bytes() != content
    }
    Service({}, changed).write(folder)
    for name, content in changed.items():
        # mypy takes a file for unchanged when size and whole seconds agree: the time follows from the content.
        seconds = int.from_bytes(sha256(content).digest()[:4]) // 2
        os.utime(folder / name, (seconds, seconds))
