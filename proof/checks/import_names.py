"""Which modules a distribution installs: most are named as it is, the others stand in import_names.json.

That file is no hand-written list. `python -m proof.checks.import_names PYTHON` asks the environment of an interpreter,
for what the patterns declare; `make lock` runs it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hooks.catalogue import Catalogue, read_catalogue
from hooks.manifest import Manifest

NAMES = Path(__file__).with_name("import_names.json")
# A namespace has no __init__.py, and several distributions install parts of it: there the part is the name.
_ASK = """
import importlib.metadata as metadata, json
rows = {}
for top, owners in metadata.packages_distributions().items():
    for owner in set(owners):
        files = [file.with_suffix("") for file in metadata.files(owner) or [] if file.parts[0].split(".")[0] == top]
        names = {".".join(file.parts) for file in files}
        parts = {".".join(file.parts[:2]) for file in files if len(file.parts) > 2}
        plain = top in names or f"{top}.__init__" in names or not parts
        rows.setdefault(owner, set()).update({top} if plain else parts)
print(json.dumps({name: sorted(modules) for name, modules in rows.items()}))
"""


def distributions(python: Path) -> dict[str, list[str]]:
    """The modules of each distribution that an interpreter finds; of a namespace several share, the parts below it."""
    done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=True)
    return {canonicalize_name(name): modules for name, modules in json.loads(done.stdout).items()}


@cache
def import_names() -> Mapping[str, list[str]]:
    """The modules of the distributions that are not named as their one module is."""
    names: dict[str, list[str]] = json.loads(NAMES.read_text(encoding="utf-8"))
    return names


@cache
def modules_of(distribution: str) -> tuple[str, ...]:
    """The modules that a distribution installs; stubs end in `-stubs`."""
    plain = distribution.replace("-", "_")
    stubs = f"{plain.removeprefix('types_')}-stubs"
    return tuple(import_names().get(distribution, [stubs if plain.startswith("types_") else plain]))


def declared(catalogue: Catalogue) -> Iterator[str]:
    """The names of all distributions that patterns declare."""
    for _, pattern in catalogue.patterns:
        yield from declared_by(pattern)


def declared_by(pattern: Manifest) -> set[str]:
    """The names of the distributions that a pattern declares."""
    return {canonicalize_name(Requirement(text).name) for text in pattern.dependencies.every}


def main() -> int:
    """Write import_names.json anew."""
    found = distributions(Path(sys.argv[1]))
    wanted = sorted(set(declared(read_catalogue(Path.cwd()))))
    if missing := [name for name in wanted if name not in found]:
        sys.exit(f"{sys.argv[1]} lacks {', '.join(missing)}; install what the patterns declare first.")
    public = {name: [module for module in found[name] if re.match(r"[A-Za-z][\w.-]*$", module)] for name in wanted}
    odd = {name: modules for name, modules in public.items() if modules != [name.replace("-", "_")]}
    NAMES.write_text(json.dumps(odd, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
