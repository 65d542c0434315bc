"""Which modules generated code imports, and which of them a worker can import once for all services."""

import ast
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hooks.catalogue import FRAGMENTS


def imported_modules(root: Path) -> list[str]:
    """Dotted names that Python files of the template import, absolute ones only.

    `from a import b` gives a and a.b: which of the two is meant, Python finds out when it imports them.
    """
    names: set[str] = set()
    for folder in (root / FRAGMENTS, root / "templates" / "service"):
        for path in folder.rglob("*.py"):
            names.update(_imports(ast.parse(path.read_bytes())))
    return sorted(names)


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forkable(names: Sequence[str], python: Path, environment: Mapping[str, str], memory: Path) -> list[str]:
    """The names without the libraries whose import starts a thread, which a fork would lose.

    Those whose import changes the environment come last: what they import besides is then there as others know it.
    `memory` is a file that spares asking again.
    """
    if memory.is_file():
        found = json.loads(memory.read_text(encoding="utf-8"))
    else:
        found = _probed(names, python, environment)
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(found), encoding="utf-8")
        partial.replace(memory)
    kept = [name for name in names if _library(name) not in found["culprits"]]
    return sorted(kept, key=lambda name: _library(name) in found["changing"])


def _probed(names: Sequence[str], python: Path, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """The libraries whose import starts a thread, and those whose import changes the environment.

    Of two that start the same thread only the first shows it: so it is asked again without those that are known.
    """
    worker = Path(__file__).with_name("worker.py")
    culprits: set[str] = set()
    while True:
        rest = [name for name in names if _library(name) not in culprits]
        command: list[str | Path] = [python, "-P", worker, "--probe", *rest]
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        told = {kind: {_library(name) for name in found} for kind, found in json.loads(asked.stdout).items()}
        culprits |= told["culprits"]
        if not told["culprits"]:
            return {"culprits": sorted(culprits), "changing": sorted(told["changing"])}


def _library(name: str) -> str:
    return name.partition(".")[0]
