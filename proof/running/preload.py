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

    `memory` is a file that spares asking again.
    """
    if memory.is_file():
        culprits = json.loads(memory.read_text(encoding="utf-8"))
    else:
        command: list[str | Path] = [python, "-P", Path(__file__).with_name("worker.py"), "--probe", *names]
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        culprits = sorted({name.partition(".")[0] for name in json.loads(asked.stdout)["culprits"]})
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(culprits), encoding="utf-8")
        partial.replace(memory)
    return [name for name in names if name.partition(".")[0] not in culprits]
