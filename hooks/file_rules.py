"""What the files of a pattern folder must keep: listed, readable, renderable."""

import ast
import os
import re
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from .catalogue import PACKAGE, Catalogue, PatternFolder
from .diagrams import flowchart_lines_problems, mermaid_problems, plantuml_problems, variants
from .findings import Finding, did_you_mean, listed
from .manifest import Manifest
from .page_rules import check_page
from .yaml_source import MAX_BYTES

PARTS = ("pattern.yml", "pattern.md", "pattern.mmd", "pattern.puml", "CHANGELOG.md")
FOLDERS = ("files", "slots")
MAY_BE_EMPTY = ("__init__.py", "py.typed")
LINE_LENGTH = 100
LONGEST_PACKAGE = "x" * 40
BLANK = re.compile(r"<<blank: ([^\n]*?)>>")


def check_files(catalogue: Catalogue, folder: PatternFolder) -> Iterator[Finding]:
    """The findings about everything in the folder but the manifest's fields."""
    manifest = folder.manifest
    yield from _parts_are_complete(folder)
    if manifest:
        yield from _files_are_listed(folder, manifest)
    texts: dict[Path, str] = {}
    for path in _readable_candidates(folder):
        text = yield from _text(path)
        if text is not None:
            texts[path] = text
            yield from _blanks(path, text)
    for name, path in folder.below("files").items():
        if path in texts:
            yield from _one_file(catalogue, path, name, texts[path])
    for name, path in folder.below("slots").items():
        if path in texts:
            yield from _one_slot(catalogue, path, name, texts[path])
    page, mermaid = folder.path / "pattern.md", folder.path / "pattern.mmd"
    plantuml = folder.path / "pattern.puml"
    if page in texts:
        yield from check_page(folder, manifest, texts[page])
        yield from _jinja(catalogue, page, texts[page])
    if mermaid in texts:
        for text in variants(texts[mermaid]):
            yield from _no_jinja(mermaid, text, "a diagram, but for lines of if, else and endif; choose another shape")
            yield from (Finding(mermaid, row.line, "diagram", row.message) for row in mermaid_problems(text))
    if plantuml in texts:
        yield from (Finding(plantuml, row.line, "diagram", row.message) for row in plantuml_problems(texts[plantuml]))
    yield from _alerts_have_runbooks(folder, texts)


def _parts_are_complete(folder: PatternFolder) -> Iterator[Finding]:
    for part in PARTS[1:]:
        if not (folder.path / part).is_file():
            yield Finding(folder.path / part, 1, part, f"is missing; a pattern folder holds {listed(PARTS)}")
    for path in sorted(folder.path.iterdir()):
        known = FOLDERS if path.is_dir() else PARTS
        if path.name not in known and path.name != "__pycache__":
            yield Finding(path, 1, path.name, f"is no part of a pattern; {did_you_mean(path.name, known)}")
    if not folder.below("files") and not folder.below("slots"):
        yield folder.finding("gives no file and no slot; a pattern changes the service", "files")


def _files_are_listed(folder: PatternFolder, manifest: Manifest) -> Iterator[Finding]:
    existing = folder.below("files")
    listed_paths = [path for path, _ in manifest.listed_files]
    for index, listed_path in enumerate(listed_paths):
        if listed_path not in existing:
            yield folder.finding(
                f"{listed_path} does not exist below files/; {did_you_mean(listed_path, existing)}",
                *("files", index),
                field=f"files[{index}]",
            )
    for name, path in existing.items():
        if name not in listed_paths:
            yield Finding(path, 1, "files", "is not listed in pattern.yml; list it or remove it")


def _readable_candidates(folder: PatternFolder) -> list[Path]:
    parts = [folder.path / part for part in PARTS if (folder.path / part).is_file()]
    return parts + [path for name in FOLDERS for path in folder.below(name).values()]


def _text(path: Path) -> Generator[Finding, None, str | None]:
    """The text of a file that Copier can render; None after a finding."""
    if path.is_symlink():
        yield Finding(path, 1, "file", "is a link; put the file itself here")
        return None
    if os.access(path, os.X_OK):
        yield Finding(path, 1, "mode", "is executable, which Copier does not keep; run `chmod -x` on it")
    if path.stat().st_size > MAX_BYTES:
        yield Finding(path, 1, "file", f"is larger than {MAX_BYTES} bytes; a fragment is written by hand")
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        yield Finding(path, line, "file", "is not UTF-8 text; every fragment is a template")
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        yield Finding(path, line, "file", "holds a null byte; every fragment is a template")
        return None
    if not text.strip() and path.name not in MAY_BE_EMPTY:
        yield Finding(path, 1, "file", "is empty; fill or remove it")
        return None
    return text


def _blanks(path: Path, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        for blank in BLANK.finditer(line):
            yield Finding(path, number, "blank", f"is not filled in; write {blank[1].strip()}")


def _one_file(catalogue: Catalogue, path: Path, name: str, text: str) -> Iterator[Finding]:
    if path.suffix == ".sh":
        yield Finding(path, 1, "file", "is a shell script; make it a Makefile target or Python")
    elif text.startswith("#!"):
        yield Finding(path, 1, "mode", "begins with #!, but cannot be executable; remove the line")
    if path.suffix == ".py":
        yield from _no_jinja(path, text, "Python; vary by a choice of files or by slots")
        yield from _python(path, name, text)
    else:
        yield from _jinja(catalogue, path, text)


def _one_slot(catalogue: Catalogue, path: Path, name: str, text: str) -> Iterator[Finding]:
    if name not in catalogue.slots:
        yield Finding(path, 1, "slot", f"{name} is no slot; {did_you_mean(name, catalogue.slots)}")
    yield from _jinja(catalogue, path, text)
    if name == "README.diagram":
        for variant in variants(text):
            for row in flowchart_lines_problems(variant):
                yield Finding(path, row.line, "diagram", row.message)


def _no_jinja(path: Path, text: str, what: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        if mark := re.search(r"\{\{|\{%|\{#", line):
            yield Finding(path, number, "jinja", f"{mark[0]!r} is Jinja, which has no place in {what}")


def _jinja(catalogue: Catalogue, path: Path, text: str) -> Iterator[Finding]:
    """Parse as Copier would, and refuse names that no question gives."""
    environment = Environment(autoescape=False)  # noqa: S701 (parsed only, never rendered)
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        yield Finding(
            path,
            error.lineno,
            "jinja",
            f"cannot be rendered: {error.message}; text that only looks like Jinja"
            " stands between {% raw %} and {% endraw %}",
        )
        return
    unknown = meta.find_undeclared_variables(tree) - catalogue.questions - set(environment.globals)
    for name in tree.find_all(nodes.Name):
        if name.name in unknown and not name.name.startswith("_copier_"):
            yield Finding(
                path,
                name.lineno,
                "jinja",
                f"{name.name} is no question of copier.yml; {did_you_mean(name.name, _plain(catalogue))}"
                " (or {% raw %} if it is no Jinja)",
            )


def _plain(catalogue: Catalogue) -> set[str]:
    """The questions that hold plain text a fragment may print."""
    data = {"catalogue", "paths", "reserved_names", "decisions", "chosen", "files", "records"}
    return set(catalogue.questions) - data - set(catalogue.order)


def _python(path: Path, name: str, text: str) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", "it is nested too deeply")
        yield Finding(path, line, "python", f"is not Python: {reason}; a fragment is plain Python")
        return
    for number, row in enumerate(text.splitlines(), start=1):
        if PACKAGE in row:
            length = len(row.replace(PACKAGE, LONGEST_PACKAGE))
            if length > LINE_LENGTH:
                yield Finding(
                    path,
                    number,
                    "length",
                    f"is {length} characters with a package name of {len(LONGEST_PACKAGE)};"
                    f" at most {LINE_LENGTH}: break the line, with a trailing comma",
                )
    if name.startswith(f"src/{PACKAGE}/"):
        for node in ast.walk(tree):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            if any(module.split(".")[0] == PACKAGE for module in modules):
                yield Finding(
                    path,
                    getattr(node, "lineno", 1),
                    "python",
                    f"imports {PACKAGE} by name; inside the package write a relative import",
                )


def _alerts_have_runbooks(folder: PatternFolder, texts: dict[Path, str]) -> Iterator[Finding]:
    """An alert nobody knows how to answer is noise."""
    alerts_path, runbook_path = folder.path / "slots/alerts", folder.path / "slots/runbook"
    alerts = {
        match[1]: number
        for number, line in enumerate(texts.get(alerts_path, "").splitlines(), start=1)
        if (match := re.match(r"\s*-?\s*alert:\s*[\"']?(\w+)", line))
    }
    sections = {
        match[1]: number
        for number, line in enumerate(texts.get(runbook_path, "").splitlines(), start=1)
        if (match := re.match(r"## +(\w+)\s*$", line))
    }
    for name, number in alerts.items():
        if name not in sections:
            yield Finding(alerts_path, number, "alert", f"{name} has no section `## {name}` in slots/runbook")
    for name, number in sections.items():
        if name not in alerts:
            yield Finding(
                runbook_path,
                number,
                "runbook",
                f"{name} is no alert of this pattern; {did_you_mean(name, alerts)}",
            )
