"""The catalogue as it lies in the folder: decisions, patterns, slots, and which patterns can meet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .criteria import Criterion as Criterion
from .criteria import read_criteria
from .findings import Finding
from .manifest import Manifest
from .schema_errors import validate
from .yaml_source import MAX_BYTES, YamlSource, read_yaml

FRAGMENTS = "pattern_fragments"
PACKAGE = "__package__"
# What tools leave behind; git ignores it, and so do the checks.
CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", ".DS_Store"})


class NoCatalogueError(Exception):
    """The folder holds no catalogue; the message is a sentence."""


@dataclass(frozen=True)
class Decision:
    """One question of the questionnaire."""

    name: str
    multiple: bool = False
    line: int = 1
    implied: bool = False
    """It is not asked: all patterns whose needs are met are taken."""
    number: int = 0
    """That of its record, for good."""
    title: str = ""
    question: str = ""
    asks: tuple[str, ...] = ()
    """The criteria by which the guided way compares its patterns, in the order they are asked."""
    announced: tuple[tuple[str, str], ...] = ()
    """Values without a pattern yet, each with what it would be."""


@dataclass(frozen=True)
class PatternFolder:
    """One folder under pattern_fragments/, with its manifest where that can be read."""

    path: Path
    source: YamlSource | None = None
    manifest: Manifest | None = None

    @property
    def manifest_path(self) -> Path:
        return self.path / "pattern.yml"

    @property
    def title(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    def line(self, *location: str | int) -> int:
        return self.source.line(*location) if self.source else 1

    def finding(self, message: str, *location: str | int, field: str = "") -> Finding:
        """A finding about a field of the manifest, on the line where the field stands."""
        name = field or str(location[0])
        return Finding(self.manifest_path, self.line(*location), name, message)

    def below(self, name: str) -> dict[str, Path]:
        """Every file below files/ or slots/, by its path there."""
        return {path.relative_to(self.path / name).as_posix(): path for path in _walk(self.path / name)}


@dataclass(frozen=True)
class Catalogue:
    """All that the checks know about a template repository."""

    root: Path
    decisions: tuple[Decision, ...]
    folders: tuple[PatternFolder, ...]
    questions: frozenset[str]
    findings: tuple[Finding, ...]
    criteria: tuple[Criterion, ...] = ()
    """What the guided way asks, in the order it is asked."""

    @property
    def patterns(self) -> list[tuple[PatternFolder, Manifest]]:
        """The folders whose manifest is valid."""
        return [(folder, folder.manifest) for folder in self.folders if folder.manifest]

    @cached_property
    def order(self) -> dict[str, int]:
        return {decision.name: index for index, decision in enumerate(self.decisions)}

    @cached_property
    def multiple(self) -> frozenset[str]:
        return frozenset(decision.name for decision in self.decisions if decision.multiple)

    @cached_property
    def slots(self) -> frozenset[str]:
        """Every slot that a shared file has: what `slot(...)` and `.../slots/...` name in the templates."""
        call = re.compile(r"""(?:\bslot\(\s*['"]|/slots/)([\w.-]+)['"]""")
        texts = [*_walk(self.root / "templates"), *_walk(self.root / FRAGMENTS)]
        return frozenset(
            match[1] for path in texts for match in call.finditer(path.read_text(encoding="utf-8", errors="replace"))
        )

    @cached_property
    def skeleton(self) -> frozenset[str]:
        """The files that every service has, as a manifest would write their paths."""
        service = self.root / "templates" / "service"
        paths = (path.relative_to(service).as_posix() for path in _walk(service))
        plain = (re.sub(r"\{\{\s*package\s*\}\}", PACKAGE, path).removesuffix(".jinja") for path in paths)
        return frozenset(path for path in plain if "{{" not in path and "{%" not in path)

    def providers(self, capability: str) -> list[Manifest]:
        return [manifest for _, manifest in self.patterns if capability in manifest.provides]

    def can_meet(self, *patterns: Manifest, provided: tuple[str, ...] = ()) -> bool:
        """Whether some valid combination holds the patterns and provides the capabilities."""
        taken: dict[str, str] = {}
        for pattern in patterns:
            alone = pattern.decision not in self.multiple
            if alone and taken.setdefault(pattern.decision, pattern.id) != pattern.id:
                return False
        return self._completes(list(patterns), list(provided))

    def _completes(self, chosen: list[Manifest], extra: list[str]) -> bool:
        """Whether patterns can be added until every need is met: needs are only ever positive."""
        last = len(self.decisions)
        open_needs = [
            (need, self.order.get(pattern.decision, last)) for pattern in chosen for need in pattern.needs
        ] + [(need, last) for need in extra]
        for need, before in open_needs:
            if any(need in pattern.provides and self.order.get(pattern.decision, last) < before for pattern in chosen):
                continue
            taken = {pattern.decision for pattern in chosen} - self.multiple
            return any(
                self._completes([*chosen, provider], extra)
                for provider in self.providers(need)
                if self.order.get(provider.decision, last) < before and provider.decision not in taken
            )
        return True


def read_catalogue(root: Path) -> Catalogue:
    """The catalogue under `root`; raises NoCatalogueError when there is none to check."""
    settings = root / "copier.yml"
    if not settings.is_file():
        raise NoCatalogueError(f"{root} holds no copier.yml; run this in the template repository")
    text = settings.read_text(encoding="utf-8", errors="replace")
    decisions, problem = _decisions(text)
    if not decisions:
        raise NoCatalogueError(f"{settings}: {problem}")
    folders: list[PatternFolder] = []
    findings: list[Finding] = []
    for path in sorted((root / FRAGMENTS).glob("*/*")):
        if path.is_dir() and path.name not in CACHES:
            folder, found = _read_folder(path)
            folders.append(folder)
            findings += found
    criteria, found = read_criteria(root, [name for row in decisions for name in row.asks])
    return Catalogue(
        root, decisions, tuple(folders), frozenset(_questions(root, text)), (*findings, *found), tuple(criteria)
    )


def _read_folder(path: Path) -> tuple[PatternFolder, list[Finding]]:
    folder = PatternFolder(path)
    manifest_path = folder.manifest_path
    if not manifest_path.is_file():
        return folder, [folder.finding("is missing; every pattern folder holds one", field="pattern.yml")]
    # What is no readable text at all is reported with the other files of the folder.
    if manifest_path.stat().st_size > MAX_BYTES:
        return folder, []
    text = manifest_path.read_text(encoding="utf-8", errors="replace")
    if not text.strip() or "\ufffd" in text or "\0" in text:
        return folder, []
    source, problems = read_yaml(text)
    findings = [Finding(manifest_path, row.line, "pattern.yml", row.message) for row in problems]
    if source is None:
        return folder, findings
    manifest, wrong = validate(source)
    findings += [Finding(manifest_path, line, field, message) for line, field, message in wrong]
    return PatternFolder(path, source, manifest), findings


def _decisions(text: str) -> tuple[tuple[Decision, ...], str]:
    """The default of the hidden question `decisions` in copier.yml, in order; or what is wrong with it."""
    above = 0
    for document in re.split(r"^(?=---)", text, flags=re.MULTILINE):
        if re.search(r"^decisions:", document, flags=re.MULTILINE):
            source, problems = read_yaml(document, tolerant=True)
            if source is None:
                return (), f"line {above + problems[0].line} {problems[0].message}"
            rows = (source.value.get("decisions") or {}).get("default") or []
            decisions = tuple(
                Decision(
                    row["name"],
                    bool(row.get("multiple")),
                    above + source.line("decisions", "default", index),
                    bool(row.get("implied")),
                    int(row.get("number") or 0),
                    str(row.get("title") or ""),
                    str(row.get("question") or ""),
                    tuple(row.get("asks") or ()),
                    tuple((row.get("announced") or {}).items()),
                )
                for index, row in enumerate(rows)
                if isinstance(row, dict) and isinstance(row.get("name"), str)
            )
            return decisions, "the default of `decisions` is no list of {name: ...}"
        above += document.count("\n")
    return (), "no hidden question `decisions`; its default lists the decisions in their order"


def _questions(root: Path, text: str) -> Iterator[str]:
    """The names of all questions, hidden ones included: what a fragment can print."""
    texts = [text]
    for included in re.findall(r"^!include\s+(\S+)", text, flags=re.MULTILINE):
        texts += [path.read_text(encoding="utf-8") for path in sorted(root.glob(included))]
    for one in texts:
        yield from re.findall(r"^([a-z]\w*):", one, flags=re.MULTILINE)


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order, without what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        if (path.is_file() or path.is_symlink()) and not CACHES & set(path.relative_to(folder).parts):
            yield path
