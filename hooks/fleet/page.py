"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

Everything that a service says is escaped, and a policy in the page forbids scripts and requests even so.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape

from .report import DRIFTS, Drift, Finding, PatternRow, Report, ServiceRow, said_of_choice

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #57606a; --row: #f6f8fa;
  --current: #1a7f37; --patch: #6e9b3a; --minor: #b08800; --major: #bc4c00; --ahead: #0969da; --unknown: #6e7781;
  --grave: #b4232c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #9198a1;
  --row: #161b22; --current: #3fb950; --patch: #8cbf52; --minor: #d8a91f; --major: #f0883e; --ahead: #58a6ff;
  --unknown: #8b949e; --grave: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
.soft { color: var(--soft); }
dl.counts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; }
dl.counts div { display: flex; flex-direction: column-reverse; }
dl.counts dt { color: var(--soft); font-size: .9rem; }
dl.counts dd { margin: 0; font-size: 1.6rem; font-weight: 600; }
svg { width: 100%; height: 1.25rem; border-radius: .25rem; }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: .2em; margin-right: .4em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
td:nth-of-type(-n+2) { overflow-wrap: normal; white-space: nowrap; }
tr.service > * { background: var(--row); padding-left: .5rem; }
tr.service th { font-size: 1.05rem; }
th[scope=row] { font-weight: 400; padding-left: 1.25rem; }
tr.service th[scope=rowgroup] { font-weight: 600; }
.grave { color: var(--grave); font-weight: 600; }
"""
STYLE += "".join(
    f".key.{drift} {{ background: var(--{drift}); }}\nrect.{drift} {{ fill: var(--{drift}); }}\n" for drift in DRIFTS
)
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; base-uri 'none'"
)


def to_html(report: Report) -> str:
    """The whole page, with a line break at its end."""
    return "\n".join(
        [*_head(), *_summary(report), *_findings(report), *_table(report), "</main>", "</body>", "</html>", ""]
    )


def _head() -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield "<title>Fleet of services</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"


# --- The summary ------------------------------------------------------------------------------------------------------


def _summary(report: Report) -> Iterator[str]:
    compared = f"Compared with {report.template} of the template" if report.template else "Compared with a checkout"
    yield "<h1>Fleet of services</h1>"
    yield f'<p class="soft">{escape(compared)} ({report.patterns} patterns), {report.today}.</p>'
    if report.shallow:
        yield "<p>The checkout is shallow, so how far revisions are behind cannot be counted.</p>"
    yield '<dl class="counts">'
    for what, count in report.summary:
        yield f"<div><dt>{escape(what)}</dt><dd>{count}</dd></div>"
    yield "</dl>"
    total = sum(report.drifts.values())
    if total:
        yield from _bar(report.drifts, total)


def _bar(drifts: dict[Drift, int], total: int) -> Iterator[str]:
    """How current the fleet is: the share of each state among all patterns in use."""
    told = ", ".join(f"{count} {DRIFTS[drift]}" for drift, count in drifts.items() if count)
    yield f'<svg viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{escape(f"Patterns: {told}")}">'
    left = 0.0
    for drift, count in drifts.items():
        width = 100 * count / total
        if count:
            yield f'<rect class="{drift}" x="{left:.3f}" y="0" width="{width:.3f}" height="4"></rect>'
        left += width
    yield "</svg>"
    yield '<ul class="legend">'
    for drift, count in drifts.items():
        if count:
            yield f'<li><span class="key {drift}"></span>{count} {DRIFTS[drift]}</li>'
    yield "</ul>"


def _findings(report: Report) -> Iterator[str]:
    for heading, grave in (("To be done", True), ("To be known", False)):
        rows = [finding for finding in report.findings if finding.grave is grave]
        if rows:
            yield f"<h2>{heading}</h2>"
            yield from _list(rows)


def _list(findings: Iterable[Finding]) -> Iterator[str]:
    yield "<ul>"
    for finding in findings:
        yield f"<li><strong>{escape(finding.service)}</strong>: {escape(finding.text)}</li>"
    yield "</ul>"


# --- The table --------------------------------------------------------------------------------------------------------


def _table(report: Report) -> Iterator[str]:
    yield "<h2>Services</h2>"
    yield '<div class="wide">'
    yield "<table>"
    yield "<caption>Every service with the revision it was made from, and its patterns</caption>"
    heads = ("Service, pattern", "Version", "Newest", "State")
    yield "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead>"
    for row in report.services:
        yield from _service(row, report.template)
    yield "</table>"
    yield "</div>"


def _service(row: ServiceRow, newest: str) -> Iterator[str]:
    service = row.service
    yield "<tbody>"
    name = f'{escape(service.name)}<br><span class="soft">{escape(row.place)}</span>'
    cells = (escape(service.commit) or "-", escape(newest) or "-", "<br>".join(_state(row)))
    yield f'<tr class="service"><th scope="rowgroup">{name}</th>{_cells(*cells)}</tr>'
    for pattern in row.patterns:
        yield _pattern(pattern)
    for choice in service.overruled:
        told = escape(said_of_choice(choice.decision, choice.recommended, choice.chosen))
        yield f'<tr><th scope="row">overruled</th>{_cells("", "", told)}</tr>'
    yield "</tbody>"


def _state(row: ServiceRow) -> Iterator[str]:
    for problem in row.service.problems:
        yield f'<span class="grave">{escape(problem)}</span>'
    if row.service.commit:
        yield escape(row.revision.said)
    if row.service.golden_path:
        yield f"golden path {escape(row.service.golden_path)}"
    if row.service.template:
        yield f'<span class="soft">from {escape(row.service.template)}</span>'
    if row.git:
        yield f'<span class="soft">{escape(row.git.said)}</span>'


def _pattern(row: PatternRow) -> str:
    grave = row.deprecation is not None and row.deprecation.overdue
    told = f'<span class="grave">{escape(row.said)}</span>' if grave else escape(row.said)
    title = f'{escape(row.title)} <span class="soft">{escape(row.locked.id)}</span>'
    cells = (escape(row.locked.version), escape(row.newest) or "-", f'<span class="key {row.drift}"></span>{told}')
    return f'<tr><th scope="row">{title}</th>{_cells(*cells)}</tr>'


def _cells(*cells: str) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)
