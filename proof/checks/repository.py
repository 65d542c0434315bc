"""A service with its files related to each other: which exist, which modules they are, what they say of each other."""

from dataclasses import dataclass
from functools import cached_property

from hooks.manifest import Manifest

from ..services import Service
from .python_facts import Import, PythonFacts, loaded_by, module_of
from .texts import Facts, facts


@dataclass(frozen=True)
class Repository:
    """One service, its facts, and the patterns it is made of, in the order of the decisions."""

    service: Service
    patterns: tuple[Manifest, ...]

    @cached_property
    def facts(self) -> dict[str, Facts]:
        return {path: facts(path, content) for path, content in self.service.files.items()}

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds something."""
        parents = {path.rpartition("/")[0] for path in self.facts}
        return frozenset(
            "/".join(parts[: count + 1])
            for parts in (path.split("/") for path in parents)
            for count in range(len(parts))
        ) - {""}

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every file and folder."""
        return self.folders | self.facts.keys()

    @cached_property
    def package(self) -> str:
        """The name of the service's Python package."""
        names = [path.split("/")[1] for path in self.facts if path.startswith("src/") and path.endswith("/__init__.py")]
        return min(names, key=len, default="")

    @cached_property
    def python(self) -> dict[str, PythonFacts]:
        return {path: row.python for path, row in self.facts.items() if row.python}

    @cached_property
    def modules(self) -> dict[str, str]:
        """The path of each module, by its dotted name."""
        return {module_of(path): path for path in self.python}

    def line(self, path: str, text: str) -> str:
        """`path:line`, of the first line that holds a text."""
        position = self.facts[path].text.find(text)
        return f"{path}:{self.facts[path].text.count(chr(10), 0, max(position, 0)) + 1}"

    def is_own(self, module: str, path: str) -> bool:
        """Whether an import means a module of this repository; tests and scripts import what lies beside them."""
        top = module.split(".")[0]
        if top in (self.package, "src", "tests") or self.beside(module, path):
            return True
        return path.startswith("tests/") and any(name in self.paths for name in (f"tests/{top}.py", f"tests/{top}"))

    def beside(self, module: str, path: str) -> str | None:
        """The path of the module in the folder of a file outside of src/, which an import there means."""
        found = f"{path.rpartition('/')[0]}/{module.split('.')[0]}.py"
        return found if found in self.paths and not path.startswith("src/") else None

    def reachable(self, starts: frozenset[str]) -> frozenset[str]:
        """The modules that are loaded when the given ones are run; imports inside of functions count."""
        names = frozenset(self.modules)
        todo = {name for start in starts for name in loaded_by(Import(start, "", 0, False))} & names
        found: set[str] = set()
        while todo:
            found |= todo
            todo = set[str]().union(*(self.python[self.modules[name]].loads & names for name in todo)) - found
        return frozenset(found)
