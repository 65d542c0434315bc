"""The page of a pattern: its title and its fixed sections."""

import re
from collections.abc import Iterator
from pathlib import Path

from .catalogue import PatternFolder
from .findings import Finding
from .manifest import Manifest

SECTIONS = (
    "Problem and context",
    "Solution and consequences",
    "When it fits and when not",
    "System architecture",
    "ML pipeline integration",
    "Deployment",
    "Scalability",
    "Data",
    "Model serving",
    "MLOps",
    "Infrastructure",
    "Guardrails, monitoring, governance, security",
    "Ethics",
    "Testing and reproducibility",
    "Framework compatibility, resources and measured results",
    "Lifecycle and delivery checklist",
    "Examples and references",
)
DIAGRAM_SECTION = "System architecture"
# In the service, the Mermaid diagram itself stands in the place of this line.
DIAGRAM_LINE = "Diagram: [Mermaid](pattern.mmd), [PlantUML](pattern.puml)."


def check_page(folder: PatternFolder, manifest: Manifest | None, text: str) -> Iterator[Finding]:
    """The findings about pattern.md."""
    path = folder.path / "pattern.md"
    headings = list(headings_of(text))
    titles = [(line, title) for line, level, title in headings if level == 1]
    if not text.startswith("# "):
        yield Finding(path, 1, "title", "does not begin with `# ` and the pattern's name")
    elif manifest and titles and titles[0][1] != manifest.name:
        yield Finding(path, 1, "title", f"{titles[0][1]!r} is not the manifest's name, {manifest.name!r}")
    for line, title in titles[1:]:
        yield Finding(path, line, "title", f"{title!r} is a second title; use `## ` or `### `")
    yield from _sections_in_order(path, [row for row in headings if row[1] == 2])
    yield from _no_section_is_empty(path, text, [row for row in headings if row[1] <= 2])
    if DIAGRAM_SECTION in [title for _, _, title in headings]:
        yield from _diagram_line(path, text, headings)


def headings_of(text: str) -> Iterator[tuple[int, int, str]]:
    """Line, level and title of the Markdown headings outside of code fences."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence):
            fence = ""
        elif not fence and (heading := re.match(r"(#{1,6}) +(.*?)\s*#*$", line)):
            yield number, len(heading[1]), heading[2]


def _sections_in_order(path: Path, sections: list[tuple[int, int, str]]) -> Iterator[Finding]:
    """Report the first departure only: those after it follow from it."""
    for index, expected in enumerate(SECTIONS):
        if index == len(sections):
            last = sections[-1][0] if sections else 1
            yield Finding(path, last, "sections", f"`## {expected}` is missing after this one")
            return
        line, _, title = sections[index]
        if title != expected:
            yield Finding(
                path,
                line,
                "sections",
                f"`## {title}` stands where section {index + 1} of {len(SECTIONS)} is expected; it is `## {expected}`",
            )
            return
    for line, _, title in sections[len(SECTIONS) :]:
        yield Finding(path, line, "sections", f"`## {title}` is one section too many; use `### `")


def _no_section_is_empty(path: Path, text: str, headings: list[tuple[int, int, str]]) -> Iterator[Finding]:
    lines = text.splitlines()
    ends = [line - 1 for line, _, _ in headings[1:]] + [len(lines)]
    for (start, level, title), end in zip(headings, ends, strict=True):
        body = [line for line in lines[start:end] if line.strip() and not line.startswith("#")]
        if title == DIAGRAM_SECTION:
            body = [line for line in body if line != DIAGRAM_LINE]
        if level == 2 and not body:
            yield Finding(path, start, "sections", f"`## {title}` is empty; say what holds for it")


def _diagram_line(path: Path, text: str, headings: list[tuple[int, int, str]]) -> Iterator[Finding]:
    start = next(line for line, _, title in headings if title == DIAGRAM_SECTION)
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines[start:], start=start + 1) if line.strip()), start)
    if lines[first - 1] != DIAGRAM_LINE:
        yield Finding(path, first, "diagram", f"the section begins with the line `{DIAGRAM_LINE}`")
    for number, line in enumerate(lines, start=1):
        if number != first and line == DIAGRAM_LINE:
            yield Finding(path, number, "diagram", "the diagram stands once; remove this line")
