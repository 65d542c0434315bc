"""The report in a terminal: one table that fits 120 columns, the findings below it."""

import unicodedata
from collections.abc import Iterator

from .report import PatternRow, Report, ServiceRow, said_of_choice

WIDTHS = (38, 12, 12, 52)
GAP = "  "
WIDTH = sum(WIDTHS) + len(GAP) * (len(WIDTHS) - 1)
MAX_LINES = 3


def lines(report: Report, brief: bool = False) -> Iterator[str]:
    """The report line by line; `brief` leaves out patterns that are current."""
    compared = f", compared with {report.template}" if report.template else ""
    yield f"{_count(len(report.services), 'service')}{compared} ({report.patterns} patterns), {report.today}"
    if report.shallow:
        yield "This checkout is shallow, so revisions cannot be counted: `git fetch --unshallow --tags`."
    yield ""
    yield from _row("SERVICE, PATTERN", "VERSION", "NEWEST", "STATE")
    for row in report.services:
        yield from _service(row, report.template, brief)
    yield ""
    yield from _parts(", ".join(f"{count} {what}" for what, count in report.summary), WIDTH)
    for heading, grave in (("To be done:", True), ("To be known:", False)):
        rows = [finding for finding in report.findings if finding.grave is grave]
        if rows:
            yield ""
            yield heading
            for finding in rows:
                yield from (f"  {part}" for part in _parts(f"{finding.service}: {finding.text}", WIDTH - 2))


def _service(row: ServiceRow, newest: str, brief: bool) -> Iterator[str]:
    service, state = row.service, []
    if service.commit:
        state.append(row.revision.said)
    if row.git:
        state.append(row.git.said)
    shown = [pattern for pattern in row.patterns if not brief or _is_noteworthy(pattern)]
    if len(shown) < len(row.patterns):
        state.append(f"{len(row.patterns) - len(shown)} of {len(row.patterns)} patterns current")
    state += service.problems[:1]
    yield from _row(service.name, service.commit or "-", newest or "-", "; ".join(state) or "nothing is known")
    for pattern in shown:
        yield from _row(f"  {pattern.title}", pattern.locked.version, pattern.newest or "-", pattern.said)
    for choice in service.overruled:
        yield from _row("  overruled", "", "", said_of_choice(choice.decision, choice.recommended, choice.chosen))


def _is_noteworthy(pattern: PatternRow) -> bool:
    return pattern.drift != "current" or bool(pattern.now or pattern.deprecation)


def _count(number: int, word: str) -> str:
    return f"{number} {word if number == 1 else f'{word}s'}"


# --- Cells ------------------------------------------------------------------------------------------------------------


def _row(*cells: str) -> Iterator[str]:
    """One row; the last cell goes on below itself where it is too long, the others are cut."""
    *first, last = cells
    head = GAP.join(_padded(cell, width) for cell, width in zip(first, WIDTHS, strict=False))
    for number, part in enumerate(_parts(last, WIDTHS[-1])):
        begin = head if number == 0 else " " * (WIDTH - WIDTHS[-1] - len(GAP))
        yield f"{begin}{GAP}{part}".rstrip()


def _parts(text: str, width: int) -> list[str]:
    """Text on a few lines, broken at spaces where it has some; the rest is cut."""
    rows = [""]
    for word in text.split(" "):
        wide = f"{rows[-1]} {word}" if rows[-1] else word
        if columns(wide) <= width:
            rows[-1] = wide
        elif rows[-1]:
            rows.append(word)
        else:
            rows[-1] = word
    if len(rows) > MAX_LINES:
        rows[MAX_LINES - 1 :] = [" ".join(rows[MAX_LINES - 1 :])]
    return [_cut(row, width) for row in rows]


def _padded(text: str, width: int) -> str:
    shown = _cut(text, width)
    return shown + " " * (width - columns(shown))


def _cut(text: str, width: int) -> str:
    if columns(text) <= width:
        return text
    while columns(text) >= width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def columns(text: str) -> int:
    """How many columns a terminal gives to a text: ideographs take two, marks above a letter none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
