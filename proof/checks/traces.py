"""No trace of a pattern that was not chosen: no file, no line, no name that it defines, none of its own words.

Files, lines and names are read from the folders of the patterns. What another chosen pattern or the skeleton has too is
no trace. A name is one when nothing in the service defines it, so that a name that exists beside a capability only is
covered as well. Words that only people would recognise (`grafana`) are declared by the pattern, as `traces`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from hooks.catalogue import PACKAGE, Catalogue, PatternFolder
from hooks.manifest import Manifest

from .dependencies import PROJECT, declared
from .import_names import declared_by
from .python_facts import python_facts
from .repository import Repository

# The records name the alternatives; that is what they are for.
MAY_NAME_OTHERS = "docs/decisions/"
SHORTEST_LINE = 24
_TOKEN = re.compile(r"\w+(?:[-./]\w+)*")
_COMPOUND = re.compile(r"[A-Za-z][a-z0-9]*_\w*[A-Za-z0-9]|[A-Z][a-z0-9]+[A-Z]\w*|[A-Z0-9]+_[A-Z0-9_]+")
_ALERT = re.compile(r"^\s*-?\s*alert:\s*[\"']?(\w+)", re.MULTILINE)
_TARGET = re.compile(r"^([a-z][\w]*-[\w-]+):(?!=)", re.MULTILINE)
_VARIABLE = re.compile(r"^(?:ENV|ARG|   ) ?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_COMMENT = re.compile(r"#(.*)")
_IMPORT = re.compile(r"(from|import) ")
_JINJA = re.compile(r"\{\{|\{%|\{#")

Content = tuple[str, bytes]
Owners = frozenset[str]


@dataclass(frozen=True)
class _Found:
    """What of the catalogue a file holds."""

    lines: Mapping[Owners, str]
    """A line of each set of owners."""
    words: Mapping[Owners, str]
    names: frozenset[str]
    definitions: frozenset[str]


class Traces:
    """What the patterns of a catalogue can leave in a service whose package has a certain name."""

    def __init__(self, catalogue: Catalogue, package: str) -> None:
        self.package = package
        self.patterns = {pattern.id: pattern for _, pattern in catalogue.patterns}
        self.files: dict[str, dict[str, str | None]] = defaultdict(dict)
        self.lines: dict[str, set[str]] = defaultdict(set)
        self.names: dict[str, set[str]] = defaultdict(set)
        self.words: dict[str, set[str]] = defaultdict(set)
        for folder, pattern in catalogue.patterns:
            self._read(folder, pattern)
        for template in sorted((catalogue.root / "templates").rglob("*")):
            for line in _lines(self._text(template)) if template.is_file() else ():
                self.lines.pop(line, None)
        self._seen: dict[Content, _Found] = {}

    @cached_property
    def _word(self) -> re.Pattern[str]:
        """Declared words; one that begins with a letter begins a word where it stands."""
        rows = (("(?<![a-z])" if word[0].isalpha() else "") + re.escape(word) for word in sorted(self.words))
        return re.compile("|".join(rows) or r"(?!)")

    def _text(self, path: Path) -> str:
        return path.read_text(encoding="utf-8", errors="replace").replace(PACKAGE, self.package)

    def _read(self, folder: PatternFolder, pattern: Manifest) -> None:
        for listed, when in pattern.listed_files:
            self.files[listed.replace(PACKAGE, self.package)][pattern.id] = when
        for word in pattern.traces:
            self.words[word.lower()].add(pattern.id)
        defined = {pattern.id, *declared_by(pattern), *(row.name for row in pattern.settings)}
        texts = {**folder.below("files"), **{f"slots/{name}": path for name, path in folder.below("slots").items()}}
        for name, path in {**texts, "pattern.md": folder.path / "pattern.md"}.items():
            if path.is_file():
                text = self._text(path)
                for line in _lines(text):
                    self.lines[line].add(pattern.id)
                if name.startswith("src/"):
                    facts = python_facts(name, text.encode())
                    defined |= {one for one in facts.public | facts.strings if not one.startswith("_")}
                    defined.add(PurePosixPath(name).stem)
                defined |= set(_ALERT.findall(text)) if name == "slots/alerts" else set()
                defined |= set(_TARGET.findall(text)) if name == "slots/Makefile" else set()
        for name in defined:
            if _COMPOUND.fullmatch(name) or ("-" in name and _TOKEN.fullmatch(name)):
                self.names[name].add(pattern.id)

    # --- One service

    def problems(self, repository: Repository, provided: frozenset[str]) -> Iterator[str]:
        """Each trace of a pattern that was not chosen, and of what lives beside a capability that is not there."""
        chosen = {pattern.id for pattern in repository.patterns}
        yield from self._files(repository, chosen, provided)
        defined = {*repository.modules, *chosen} | {name.rpartition(".")[2] for name in repository.modules}
        groups = declared(repository.service.files.get(PROJECT, b""))
        defined |= groups.runtime | groups.train | groups.dev
        used: list[tuple[str, frozenset[str]]] = []
        for path, content in repository.service.files.items():
            found = self._of(path, content)
            defined |= found.definitions
            if path.startswith(MAY_NAME_OTHERS):
                continue
            used.append((path, found.names))
            for verb, rows in (("has the line", found.lines), ("speaks of", found.words)):
                for owners, text in rows.items():
                    if owners.isdisjoint(chosen):
                        yield self._told(repository, path, text, owners, verb)
        for path, names in used:
            for name in sorted(names - defined):
                yield self._told(repository, path, name, frozenset(self.names[name]), "names")

    def _files(self, repository: Repository, chosen: set[str], provided: frozenset[str]) -> Iterator[str]:
        for path, owners in self.files.items():
            wanted = any(owner in chosen and (when is None or when in provided) for owner, when in owners.items())
            if path in repository.facts and not wanted:
                yield f"{path}:1: belongs to {self._who(owners)}; what was chosen does not ask for it."
            if path not in repository.facts and wanted:
                yield f"{path}:1: is missing; {self._who(chosen & owners.keys())} brings it."

    def _told(self, repository: Repository, path: str, text: str, owners: Owners, verb: str) -> str:
        found = re.search(re.escape(text), repository.facts[path].text, re.IGNORECASE)
        at = repository.line(path, found[0] if found else text)
        return f"{at}: {verb} {text!r}, which belongs to {self._who(owners)} and to nothing that was chosen."

    def _who(self, owners: Collection[str]) -> str:
        return " or ".join(f"{self.patterns[owner].name} ({owner})" for owner in sorted(owners))

    def _of(self, path: str, content: bytes) -> _Found:
        """What of the catalogue a file holds, found once per distinct content."""
        key = (path, content)
        if key not in self._seen:
            text = content.decode("utf-8", errors="replace")
            self._seen[key] = _Found(
                {
                    frozenset(self.lines[line]): line
                    for line in sorted(_lines(text), reverse=True)
                    if line in self.lines
                },
                {frozenset(self.words[word]): word for word in self._word.findall(text.lower())},
                frozenset(name for name in _spoken(path, content, text) if name in self.names),
                frozenset(name for name in _defined(path, content, text) if name in self.names),
            )
        return self._seen[key]


def _lines(text: str) -> set[str]:
    """The lines that are long enough to be somebody's own, as rendered; without imports, which linters judge."""
    rows = {line.strip() for line in text.splitlines()}
    return {
        row
        for row in rows
        if len(row) >= SHORTEST_LINE and not _JINJA.search(row) and "://" not in row and not _IMPORT.match(row)
    }


def _spoken(path: str, content: bytes, text: str) -> set[str]:
    """The tokens of a text; of Python, those of comments and strings: the linters know an undefined name."""
    if path.endswith(".py"):
        text = "\n".join([*python_facts(path, content).strings, *_COMMENT.findall(text)])
    tokens = set(_TOKEN.findall(text))
    return tokens | {part for token in tokens for part in re.split(r"[./]", token)} | set(re.findall(r"\w+", text))


def _defined(path: str, content: bytes, text: str) -> set[str]:
    if path.endswith(".py"):
        facts = python_facts(path, content)
        return {*facts.known, *facts.settings}
    if path == "Dockerfile":
        return set(_VARIABLE.findall(text))
    if path == "Makefile":
        return set(_TARGET.findall(text))
    return set(_ALERT.findall(text)) if path.endswith((".yaml", ".yml")) else set()
