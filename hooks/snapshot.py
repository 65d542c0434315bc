"""A revision of the template as git holds it, read without checking it out and without running anything.

Manifests are read as they were written: the schema of today need not fit those of an older revision.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .catalogue import FRAGMENTS
from .git import GitError, git, git_bytes
from .manifest import PATTERN_ID, SEMANTIC_VERSION
from .patterns_lock import ANSWERS
from .yaml_source import read_yaml

SKELETON = "templates/service/"
GOLDEN_PATHS = "templates/golden_paths/"


class NoRevisionError(Exception):
    """There is no such revision, or it is none of this template; the message is a sentence."""


@dataclass(frozen=True)
class Pattern:
    """One pattern folder of a revision."""

    id: str
    decision: str
    value: str
    version: str
    manifest: Mapping[str, Any]
    changelog: str
    content: Mapping[str, str]
    """The git object of every file below files/ and slots/."""

    @property
    def title(self) -> str:
        return f"{self.decision}/{self.value}"

    @property
    def name(self) -> str:
        return self.text("name") or self.title

    def text(self, name: str) -> str:
        """A field of the manifest on one line; empty where there is none."""
        return one_line(self.manifest.get(name, ""))

    def words(self, name: str) -> list[str]:
        """A list of the manifest."""
        value = self.manifest.get(name)
        return [str(one) for one in value] if isinstance(value, list) else []

    def rows(self, name: str) -> dict[str, Mapping[str, Any]]:
        """A list of mappings of the manifest, by their names."""
        value = self.manifest.get(name)
        rows = value if isinstance(value, list) else []
        return {str(row["name"]): row for row in rows if isinstance(row, dict) and "name" in row}


@dataclass(frozen=True)
class Snapshot:
    """What services can be made of at one revision."""

    name: str
    patterns: Mapping[str, Pattern]
    """By id."""
    decisions: Mapping[str, Mapping[str, Any]]
    """The rows of copier.yml by name, in their order."""
    golden_paths: Mapping[str, Mapping[str, Any]]
    skeleton: Mapping[str, str]
    """The git object of every file that all services share."""
    oldest_copier: str
    unread: list[str] = field(default_factory=list)
    """Sentences about what could not be read."""


def one_line(value: object) -> str:
    """Text as a list item holds it."""
    return " ".join(str(value).split())


def read_snapshot(root: Path, name: str) -> Snapshot:
    """The revision of the repository at `root` that git knows by `name`; raises NoRevisionError."""
    try:
        top = Path(git("rev-parse", "--show-toplevel", cwd=root).strip())
        commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=top).strip()
        rows = git("ls-tree", "-r", "-z", "--full-tree", commit, cwd=top).split("\0")
    except GitError as error:
        raise NoRevisionError(f"{name or 'Nothing'} is no revision here ({error}); {_tags(root)}") from None
    objects = {}
    for row in rows:
        details, _, path = row.partition("\t")
        if details.startswith("100"):  # a file, and neither a link nor a submodule
            objects[path] = details.split()[2]
    wanted = [path for path in objects if _is_read(path)]
    texts = dict(zip(wanted, _contents(top, [objects[path] for path in wanted]), strict=True))
    if "copier.yml" not in texts:
        raise NoRevisionError(f"{name} holds no copier.yml; give a revision of the template")
    unread: list[str] = []
    documents = {path: _mapping(path, text, unread) for path, text in texts.items() if _is_data(path)}
    settings = texts["copier.yml"]
    oldest = re.search(r"^_min_copier_version: *[\"']?([\d.]+)", settings, re.MULTILINE)
    return Snapshot(
        name=name if name != "HEAD" else git("describe", "--tags", "--always", commit, cwd=top).strip(),
        patterns=dict(sorted(_patterns(documents, texts, objects, unread))),
        decisions=_decisions(settings, unread),
        golden_paths={
            str(row.get("name", path)): row for path, row in sorted(documents.items()) if path.startswith(GOLDEN_PATHS)
        },
        skeleton={
            _in_service(path): one for path, one in objects.items() if path.startswith(SKELETON) and "{%" not in path
        },
        oldest_copier=oldest[1] if oldest else "",
        unread=unread,
    )


def _tags(root: Path) -> str:
    try:
        tags = git("tag", "--sort=-version:refname", cwd=root).split()
    except GitError:
        return "run this in a git clone of the template"
    return f"the newest tags are {', '.join(tags[:5])}" if tags else "this repository has no tags"


def _is_data(path: str) -> bool:
    return bool(re.fullmatch(rf"{FRAGMENTS}/[^/]+/[^/]+/pattern\.yml|{GOLDEN_PATHS}[^/]+\.yml", path))


def _is_read(path: str) -> bool:
    return path == "copier.yml" or _is_data(path) or bool(re.fullmatch(rf"{FRAGMENTS}/[^/]+/[^/]+/CHANGELOG\.md", path))


def _contents(top: Path, objects: list[str]) -> Iterable[str]:
    """The text of each object, in order."""
    printed = git_bytes("cat-file", "--batch", cwd=top, content="".join(f"{one}\n" for one in objects).encode())
    for _ in objects:
        head, _, printed = printed.partition(b"\n")
        size = int(head.split()[2])
        yield printed[:size].decode("utf-8", errors="replace")
        printed = printed[size + 1 :]


def _in_service(path: str) -> str:
    """Where a file of the skeleton stands in a service."""
    named = path.removeprefix(SKELETON).removesuffix(".jinja").replace("{{ package }}", "<package>")
    return named.replace("{{ _copier_conf.answers_file }}", ANSWERS)


def _mapping(path: str, text: str, unread: list[str]) -> Mapping[str, Any]:
    source, problems = read_yaml(text)
    if source is None or not isinstance(source.value, dict):
        unread.append(f"{path} cannot be read{f': {problems[0].message}' if problems else ''}")
        return {}
    return source.value


def _patterns(
    documents: Mapping[str, Mapping[str, Any]], texts: Mapping[str, str], objects: Mapping[str, str], unread: list[str]
) -> Iterable[tuple[str, Pattern]]:
    for path, manifest in documents.items():
        if not path.startswith(FRAGMENTS) or not manifest:
            continue
        folder = path.removesuffix("pattern.yml")
        _, decision, value, _ = path.split("/")
        identity, version = (str(manifest.get(name, "")) for name in ("id", "version"))
        if not re.fullmatch(PATTERN_ID, identity) or not re.fullmatch(SEMANTIC_VERSION, version):
            unread.append(f"{path} has no valid id or version")
            continue
        content = {
            name.removeprefix(folder): one
            for name, one in objects.items()
            if name.startswith((f"{folder}files/", f"{folder}slots/"))
        }
        changelog = texts.get(f"{folder}CHANGELOG.md", "")
        yield identity, Pattern(identity, decision, value, version, manifest, changelog, content)


def _decisions(text: str, unread: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """The default of the hidden question `decisions`."""
    for document in re.split(r"^---.*$", text, flags=re.MULTILINE):
        if re.search(r"^decisions:", document, flags=re.MULTILINE):
            source, _ = read_yaml(document, tolerant=True)
            question = source.value.get("decisions") if source and isinstance(source.value, dict) else None
            rows = question.get("default") if isinstance(question, dict) else None
            if isinstance(rows, list):
                return {str(row["name"]): row for row in rows if isinstance(row, dict) and "name" in row}
    unread.append("copier.yml has no list of decisions")
    return {}
