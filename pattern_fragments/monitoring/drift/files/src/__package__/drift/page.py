"""The report as one HTML page: nothing is loaded from elsewhere, and it fits a phone."""

from collections.abc import Sequence
from html import escape

from . import plots
from .bins import PREDICTION
from .periods import Comparison, PeriodDrift

MOST_DISTRIBUTIONS = 6

STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #1c2733; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; background: white; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
svg { max-width: none; height: auto; }
.fits svg { max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }
tr { border-bottom: 1px solid #dde3e9; }
td.number { text-align: right; }
.over { color: #b42318; font-weight: 600; }
"""


def html(comparison: Comparison, periods: Sequence[PeriodDrift]) -> str:
    """The page of some periods, in order of time."""
    signature = comparison.signature
    title = f"Drift of {signature.name}"
    body = "\n".join(
        (
            f"<h1>{escape(title)}</h1>",
            f"<p>Model {escape(signature.version)}, {periods[0].start:%Y-%m-%d} to"
            f" {periods[-1].end:%Y-%m-%d} (UTC), beside what the model was trained on.</p>",
            "<h2>What is above its limit</h2>",
            _table(periods),
            *_heat_maps(comparison, periods),
            "<h2>Predictions</h2>",
            _figure(plots.predictions(periods), fits=True),
            *_distributions(comparison, periods),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _table(periods: Sequence[PeriodDrift]) -> str:
    rows = "\n".join(
        f"<tr><td>{period.start:%Y-%m-%d}</td><td class=number>{period.rows:,}</td>"
        f"<td>{_why(period)}</td></tr>"
        for period in periods
    )
    return (
        "<div class=wide><table>\n<tr><th>from</th><th>rows</th><th>PSI above its limit</th></tr>\n"
        f"{rows}\n</table></div>"
    )


def _why(period: PeriodDrift) -> str:
    if not period.drift:
        return "too few rows to say anything"
    return (
        ", ".join(
            f"<span class=over>{escape(name)}</span>"
            f" {period.drift[name].psi:.2f} (limit {period.drift[name].psi_limit:.2f})"
            for name in period.alerts
        )
        or "nothing"
    )


def _heat_maps(comparison: Comparison, periods: Sequence[PeriodDrift]) -> list[str]:
    names = sorted(comparison.bins.names, key=lambda name: name != PREDICTION)
    numbers = [name for name in names if comparison.limits.watched[name].quantiles]
    return [
        "<h2>Everything that is watched</h2>",
        "<p>Each limit is what windows of this length did within the training period, with a"
        " margin, and at least what convention calls a shift. Orange and red are above it. What"
        " training's own windows change as much as a value that is stuck has no limit, and no"
        " shade.</p>",
        _figure(plots.heat_map(names, periods, "Population stability index", is_psi=True)),
        _figure(
            plots.heat_map(
                numbers, periods, "Wasserstein distance, in standard deviations", is_psi=False
            )
        ),
    ]


def _distributions(comparison: Comparison, periods: Sequence[PeriodDrift]) -> list[str]:
    """What lies furthest above its limit, or else nearest to it, in its worst period."""
    worst = {
        name: max(found, key=lambda one: _share(one, name))
        for name in comparison.bins.names
        if (found := [one for one in periods if name in one.drift])
    }
    first = sorted(worst, key=lambda name: -_share(worst[name], name))[:MOST_DISTRIBUTIONS]
    return [
        "<h2>What moved most, in its worst period</h2>",
        *(
            _figure(plots.distribution(name, comparison.bins, worst[name]), fits=True)
            for name in first
        ),
    ]


def _share(period: PeriodDrift, name: str) -> float:
    return period.drift[name].share_of_limit or 0.0


def _figure(svg: str, *, fits: bool = False) -> str:
    return f'<div class="{"fits" if fits else "wide"}">{svg}</div>'
