"""What the files of a service say of each other holds: settings, commands, paths, links; and no file is left over."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import normpath

from .dependencies import PROJECT
from .repository import Repository
from .texts import Claim

# What a tool finds by its name or place, so that no other file need name it.
FOUND_BY_A_TOOL = (
    ".copier-answers.yml",  # Copier
    ".dockerignore",  # Docker
    ".github/CODEOWNERS",  # GitHub
    ".github/workflows/*.yaml",  # GitHub
    ".gitignore",  # git
    ".mailmap",  # git
    ".pre-commit-config.yaml",  # pre-commit
    "**/kustomization.yaml",  # kubectl, which is given the folder
    "Dockerfile",  # Docker
    "Makefile",  # make
    "README.md",  # people
    "catalog-info.yaml",  # Backstage
    "compose.yaml",  # Docker Compose
    "patterns.lock",  # fleet reports
    "pyproject.toml",  # uv, and every Python tool
    "renovate.json",  # Renovate
    "src/*/py.typed",  # type checkers
    "tests/**conftest.py",  # pytest
    "tests/**test_*.py",  # pytest
)


def reference_problems(repository: Repository) -> Iterator[str]:
    """Each reference that leads nowhere, and each file that nothing leads to."""
    references = _References(repository)
    yield from references.settings()
    yield from references.commands()
    yield from references.paths()
    yield from references.links()
    yield from references.orphans()


class _References:
    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.facts = repository.facts

    # --- Settings and commands

    def settings(self) -> Iterator[str]:
        path = f"src/{self.repository.package}/settings.py"
        if not (facts := self.repository.python.get(path)):
            yield f"{path}:1: is missing; every service reads its settings there."
            return
        others = (row for name, row in self.repository.python.items() if name.startswith("src/") and name != path)
        read = {name for row in others for name in row.settings_read}
        for name in sorted(facts.settings - read):
            yield f"{self.repository.line(path, f'{name}:')}: nothing in src/ reads the setting {name}."
        known = {f"{facts.env_prefix}{name}".upper() for name in facts.settings}
        for name, row in self.facts.items():
            for variable in sorted(row.capitals - known):
                if facts.env_prefix and variable.startswith(facts.env_prefix):
                    yield f"{self.repository.line(name, variable)}: {variable} is no setting of this service."

    def commands(self) -> Iterator[str]:
        for path, row in self.facts.items():
            for target in sorted(row.targets - self.rules):
                yield f"{self._line_of_target(path, target)}: `make {target}` is no target of the Makefile."
            for module in sorted(row.modules):
                if module.split(".")[0] == self.repository.package and module not in self.repository.modules:
                    yield f"{self.repository.line(path, module)}: runs {module}, which does not exist."

    def _line_of_target(self, path: str, target: str) -> str:
        found = re.search(rf"make\b[^\n`]*\b{re.escape(target)}\b", self.facts[path].text)
        return self.repository.line(path, found[0] if found else target)

    # --- Paths and links

    @cached_property
    def tails(self) -> frozenset[str]:
        """The ends of all paths: a page on a folder names files from there."""
        return frozenset(
            "/".join(parts[start:])
            for parts in (path.split("/") for path in self.repository.paths)
            for start in range(len(parts))
        )

    @cached_property
    def rules(self) -> frozenset[str]:
        """The targets of the Makefile."""
        return self.facts["Makefile"].rules if "Makefile" in self.facts else frozenset()

    @cached_property
    def ignored(self) -> frozenset[str]:
        """What git ignores, because a command makes it."""
        rows = self.facts[".gitignore"].text.split() if ".gitignore" in self.facts else []
        return frozenset(row.strip("/") for row in rows)

    def made(self, name: str) -> bool:
        """Whether a command makes it: make, or code that knows its name."""
        known = name in self.rules or name in self.ignored
        return known or any(name in row.strings for row in self.repository.python.values())

    def paths(self) -> Iterator[str]:
        tops = {path.split("/")[0] for path in self.repository.folders}
        suffixes = {path[path.rindex(".") :] for path in self.facts if "." in path}
        for path, row in self.facts.items():
            for claim in row.claims:
                from_root = claim.top in tops
                is_path = from_root or claim.text != claim.plain or claim.suffix in suffixes
                if is_path and not self._exists(claim, from_root):
                    yield f"{self.repository.line(path, claim.plain)}: names {claim.text}, which does not exist."

    def _exists(self, claim: Claim, from_root: bool) -> bool:
        paths, plain = self.repository.paths, claim.plain
        if plain in paths or claim.beside in paths:
            return True
        if "*" in plain:
            return any(_matches(path, plain) or _matches(path, claim.beside) for path in paths)
        if not from_root and (plain in self.tails or self.made(plain)):
            return True
        return self.made(claim.top) and self.made(plain.rpartition("/")[2])

    def links(self) -> Iterator[str]:
        linked: dict[str, set[str]] = {}
        for path, row in self.facts.items():
            linked[path] = set()
            for link in row.links:
                target, _, anchor = link.partition("#")
                if _SCHEME.match(link):
                    continue
                page = normpath(f"{path.rpartition('/')[0] or '.'}/{target}") if target else path
                linked[path].add(page)
                yield from self._leads(path, link, page, anchor)
            for slug, address in row.addresses:
                if slug.rpartition("/")[2] == self.project:
                    target, _, anchor = address.partition("#")
                    yield from self._leads(path, address, target, anchor)
        found = {"README.md"}
        todo = ["README.md"]
        while todo:
            new = linked.get(todo.pop(), set()) - found
            found |= new
            todo += new
        for path in sorted(self.facts):
            if path.startswith("docs/") and path.endswith(".md") and path not in found:
                yield f"{path}:1: no link leads here from README.md."

    def _leads(self, path: str, link: str, page: str, anchor: str) -> Iterator[str]:
        top = page.split("/")[0]
        if page not in self.repository.paths and (top in self.repository.folders or not self.made(top)):
            yield f"{self.repository.line(path, link)}: the link {link} leads nowhere."
        elif anchor and page in self.facts and (there := self.facts[page].page) and anchor not in there.anchors:
            yield f"{self.repository.line(path, link)}: the link {link} names a heading that {page} does not have."

    @cached_property
    def project(self) -> str:
        """The name of the repository."""
        found = re.search(r'^name = "(.+)"$', self.facts[PROJECT].text, re.MULTILINE) if PROJECT in self.facts else None
        return found[1] if found else ""

    # --- Files that nothing needs

    def orphans(self) -> Iterator[str]:
        yield from self._unreached_modules()
        named: set[str] = set()
        wildcards: set[str] = set()
        for path, row in self.facts.items():
            named |= row.mentions - {path}
            if not row.page:
                wildcards |= {claim.plain for claim in row.claims if "*" in claim.plain}
        for path in sorted(self.facts.keys() - named):
            if (path.startswith("src/") and path.endswith(".py")) or path.startswith("docs/") or _FOUND.fullmatch(path):
                continue
            if any(_matches(path, shape) for shape in wildcards):
                continue
            if path.startswith(("src/", "tests/")) and self._named_by_code(path):
                continue
            yield f"{path}:1: nothing names this file: no command, no manifest, no code."

    def _unreached_modules(self) -> Iterator[str]:
        started = frozenset(
            module for path, row in self.facts.items() if not path.endswith(".md") for module in row.modules
        )
        # Code that starts a process names the module whole.
        spoken = {name for row in self.repository.python.values() for name in row.strings}
        started |= spoken & self.repository.modules.keys()
        # A package is started by its __main__.
        reached = self.repository.reachable(started | {f"{module}.__main__" for module in started})
        for name, path in sorted(self.repository.modules.items()):
            if path.startswith("src/") and name not in reached:
                yield f"{path}:1: no command runs this module, and nothing that one runs imports it."

    def _named_by_code(self, path: str) -> bool:
        """A data file of the package is opened by its name; what tests share is imported, or is a package of tests.

        Of several, code may know what their names have in common.
        """
        name = PurePosixPath(path)
        if name.suffix == ".py":
            imported = {row.module.split(".")[-1] for facts in self.repository.python.values() for row in facts.imports}
            return name.stem in imported or name.name == "__init__.py"
        shapes = {shape for row in self.repository.python.values() for shape in row.strings if _SHAPE.fullmatch(shape)}
        return self.made(name.name) or any(fnmatchcase(name.name, shape) for shape in shapes)


def _matches(path: str, shape: str) -> bool:
    """Whether a shell's wildcards find a path: a star stays within its folder."""
    return path.count("/") == shape.count("/") and fnmatchcase(path, shape)


_SHAPE = re.compile(r"\w+\*\.\w+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_FOUND = re.compile(
    "|".join(re.escape(shape).replace(r"\*\*", ".*").replace(r"\*", "[^/]*") for shape in FOUND_BY_A_TOOL)
)
