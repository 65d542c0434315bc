"""The report: one page that needs nothing else, and the same as JSON."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec
import polars as pl

from ..model_folder import write_atomically
from . import plots
from .analysis import Analysis
from .assignment import ARMS

PAGE, FIGURES = "report.html", "analysis.json"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1rem;
  color: #1d2733; background: #fff }
svg { max-width: 100%; height: auto }
.verdict { border-left: .4rem solid #2563a8; padding-left: 1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #dde3e9 }
th:first-child, td:first-child { text-align: left }
"""


def write_report(folder: Path, analysis: Analysis, units: pl.DataFrame) -> None:
    """Write report.html and analysis.json; raises OSError when they cannot be written."""
    figures = msgspec.json.format(msgspec.json.encode(_without_salt(analysis)))
    write_atomically(folder / FIGURES, figures + b"\n")
    write_atomically(folder / PAGE, "\n".join(_page(analysis, units)).encode())


def _without_salt(analysis: Analysis) -> Analysis:
    """A report is passed on to those who have nothing to do with units."""
    plan = msgspec.structs.replace(analysis.plan, salt="(in the plan)")
    return msgspec.structs.replace(analysis, plan=plan)


def _page(analysis: Analysis, units: pl.DataFrame) -> Iterator[str]:
    plan = analysis.plan
    title = f"{plan.challenger} against {plan.control}"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="verdict"><b>{analysis.verdict}</b>: {escape(analysis.why)}.</p>'
    yield f"<p>Began {plan.start:%Y-%m-%d %H:%M}, judged from {plan.due:%Y-%m-%d %H:%M},"
    yield f" looked at {analysis.as_of:%Y-%m-%d %H:%M} (UTC).</p>"
    yield "<h2>Who was exposed</h2>"
    yield _table(
        ["", *ARMS],
        ["model", *(plan.versions[arm] for arm in ARMS)],
        ["planned share of units", *(f"{plan.shares[arm]:.0%}" for arm in ARMS)],
        ["units", *(f"{analysis.units[arm]:,}" for arm in ARMS)],
        ["requests", *(f"{analysis.requests[arm]:,}" for arm in ARMS)],
        ["predictions whose outcome is due", *(f"{analysis.due[arm]:,}" for arm in ARMS)],
        ["of these in the prediction log", *(f"{analysis.found[arm]:,}" for arm in ARMS)],
        ["of these with outcome", *(f"{analysis.labelled[arm]:,}" for arm in ARMS)],
    )
    sound = analysis.sound
    yield f"<p>The split is as planned with p = {sound.sample_ratio_p:.2g}; as much is in the log"
    yield f" with p = {sound.found_p:.2g}, and as many outcomes are there with p ="
    yield f" {sound.labelled_p:.2g}. Below {sound.alpha:.1g} nothing is judged."
    yield f" {sound.wrongly_assigned} units were in a wrong arm.</p>"
    yield plots.exposures(units)
    yield f"<h2>{escape(plan.metric.capitalize())}</h2>"
    yield from _metric(analysis)
    if analysis.guardrails:
        yield "<h2>Guardrails</h2>"
        yield from _guardrails(analysis)
    yield "</body></html>"


def _metric(analysis: Analysis) -> Iterator[str]:
    plan, found = analysis.plan, analysis.metric
    yield f"<p>Planned: {plan.units:,} units to ship what is better by {plan.effect:g}"
    yield f" {escape(plan.unit)}, and in all else alike, with a power of {plan.power:.0%} at"
    yield f" alpha {plan.alpha:g}, two-sided, one look.</p>"
    if found is None:
        yield "<p>Not judged.</p>"
        return
    yield _table(
        ["control", "challenger", "difference", f"{1 - plan.alpha:.0%} interval", "p"],
        [
            f"{found.control:.3f}",
            f"{found.challenger:.3f}",
            f"{found.difference:+.3f}",
            f"{found.low:.3f} to {found.high:.3f}",
            f"{found.p_value:.2g}",
        ],
    )
    yield f"<p>As many units as there are find {analysis.detectable:.3g} with that power.</p>"
    yield plots.metric(analysis)


def _guardrails(analysis: Analysis) -> Iterator[str]:
    yield _table(
        ["", "control", "challenger", "worse by", "allowed", "p within", "p beyond", "state"],
        *(
            [
                one.name,
                f"{one.compared.control:.4g}",
                f"{one.compared.challenger:.4g}",
                f"{one.compared.excess:+.4g}",
                f"{one.compared.margin:g}",
                f"{one.compared.p_within:.2g}",
                f"{one.p_beyond_corrected:.2g}",
                one.state,
            ]
            for one in analysis.guardrails
        ),
    )
    yield "<p>Fine: surely not worse by what is allowed. Worse: surely worse by more, corrected"
    yield " for several guardrails (Holm) and for a look each day (Bonferroni).</p>"
    yield plots.guardrails(analysis.guardrails)


def _table(heads: list[str], *rows: list[str]) -> str:
    def cells(kind: str, row: list[str]) -> str:
        return "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in row)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", heads)}</tr>{body}</table></div>'
