"""The report as one HTML page: nothing is loaded from elsewhere, and it fits a phone."""

from collections.abc import Iterable, Iterator
from html import escape

from ..domain.value import DECISION
from . import plots
from .comparison import Compared, Comparison

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1c2733; }
body { max-width: 56rem; margin: 0 auto; padding: 1rem; background: white; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }
tr { border-bottom: 1px solid #dde3e9; }
td.number { text-align: right; }
.no { color: #b42318; font-weight: 600; } .yes { color: #2f6f3e; font-weight: 600; }
"""


def html(compared: Compared) -> str:
    """The page of a comparison."""
    found = compared.comparison
    title = f"{found.candidate} beside {found.champion}"
    body = "\n".join(_body(compared))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _body(compared: Compared) -> Iterator[str]:
    found, rows = compared
    tolerance, measured = found.agreement.tolerance, found.agreement
    yield f"<p>{found.rows:,} predictions of both, {found.since:%Y-%m-%d %H:%M} to"
    yield f" {found.until:%Y-%m-%d %H:%M} (UTC); {found.other_champions:,} of earlier champions"
    yield f" and {found.late:,} for which the champion came late are left out.</p>"
    yield from _verdict(found)
    yield "<h2>Agreement</h2>"
    yield from _table(_agreement(found))
    yield plots.beside(rows, measured.at_threshold.threshold)
    yield plots.distributions(rows)
    yield plots.differences(rows, tolerance)
    yield plots.over_time(rows, tolerance)
    if found.segments:
        yield "<h2>Where they differ most</h2>"
        yield plots.segments(found.segments, measured.differing_share)
    yield "<h2>Outcomes</h2>"
    yield from _outcomes(found)


def _verdict(found: Comparison) -> Iterator[str]:
    fit = found.verdict.fit
    # Agreement is no proof.
    by = "" if found.known else " by agreement alone"
    shade, word = ("yes", f"Fit to promote{by}") if fit else ("no", "Not fit to promote")
    yield f'<h2><span class="{shade}">{word}</span></h2>'
    yield from _table(
        [("passed" if check.passed else "failed", check.says) for check in found.verdict.checks]
    )


def _agreement(found: Comparison) -> Iterator[tuple[str, str]]:
    one = found.agreement
    yield f"differ by more than {one.tolerance:g}", f"{one.differing_share:.2%}"
    yield "mean of champion, of candidate", f"{one.mean_champion:.4f}, {one.mean_candidate:.4f}"
    sizes = f"{one.mean_difference:+.4f}, {one.mean_absolute_difference:.4f}"
    yield "mean difference, of its size", sizes
    for order, value in one.quantiles.items():
        yield f"quantile {order} of the difference", f"{value:+.4f}"
    yield "distance of the distributions (KS)", f"{one.ks_distance:.3f}"
    yield "correlation, of ranks", f"{_or_none(one.correlation)}, {_or_none(one.rank_correlation)}"
    acts = one.at_threshold
    sides = f"champion {acts.champion_only:.2%}, candidate {acts.candidate_only:.2%}"
    yield f"only one lies at {acts.threshold:g} or above", f"{acts.disagree:.2%}: {sides}"


def _outcomes(found: Comparison) -> Iterator[str]:
    if found.known is None:
        yield f"<p>{found.outcomes:,} outcomes are known: too few, or of too few days, to decide."
        yield " The verdict rests on agreement.</p>"
        return
    yield f"<p>{found.known.rows:,} rows of {found.known.days} days with their outcome. The"
    yield " interval of the difference, candidate minus champion, takes days as drawn, and"
    yield " neighbouring days as alike.</p>"
    losses = (
        ("squared error", found.known.squared_error),
        (f"cost per prediction, {DECISION.unit}", found.known.cost),
    )
    yield from _table(
        (
            name,
            f"champion {loss.champion:.4f}, candidate {loss.candidate:.4f}: {loss.difference:+.4f}"
            f" ({loss.low:+.4f} to {loss.high:+.4f})",
        )
        for name, loss in losses
    )


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield '<div class="wide"><table>'
    for name, value in rows:
        yield f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
    yield "</table></div>"


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
