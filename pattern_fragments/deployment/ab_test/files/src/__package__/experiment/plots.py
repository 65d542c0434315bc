"""The plots of the report, as SVG that stands in the page."""

import io
import re

import matplotlib as mpl
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .analysis import Analysis
from .assignment import ARMS, CHALLENGER, CONTROL
from .guardrails import Guardrail

COLOURS = {CONTROL: "#5b6b7a", CHALLENGER: "#2563a8"}
STATES = {"fine": "#2f7d4f", "open": "#9aa4ae", "worse": "#b3372f"}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def exposures(units: pl.DataFrame) -> str:
    """How many units each arm has, over time."""
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    axes = figure.subplots()
    for arm in ARMS:
        first = units.filter(pl.col("arm") == arm)["first"].sort()
        axes.plot(
            first.dt.replace_time_zone(None).to_list(),
            range(1, len(first) + 1),
            color=COLOURS[arm],
            label=arm,
        )
    axes.set(ylabel="units")
    axes.tick_params(axis="x", rotation=20)
    axes.legend(frameon=False)
    return _svg(figure, "exposures")


def metric(analysis: Analysis) -> str:
    """The difference with its interval, beside none and the planned effect."""
    plan, found = analysis.plan, analysis.metric
    figure = Figure(figsize=(7.0, 1.6), layout="constrained")
    axes = figure.subplots()
    better = -plan.effect if plan.lower_is_better else plan.effect
    axes.axvline(0, color="#9aa4ae")
    axes.axvline(better, color=STATES["fine"], linestyle=":", label="planned effect")
    if found is not None:
        axes.hlines(0, found.low, found.high, color=COLOURS[CHALLENGER], linewidth=3)
        axes.plot([found.difference], [0], "o", color=COLOURS[CHALLENGER])
    axes.set(xlabel=f"{plan.metric}, challenger minus control ({plan.unit})", yticks=[])
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure, "metric")


def guardrails(rows: list[Guardrail]) -> str:
    """How much of its margin each one has used up; 1 is all of it."""
    figure = Figure(figsize=(7.0, 0.9 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        used = row.compared.excess / row.compared.margin
        axes.plot([used], [place], "o", color=STATES[row.state])
        axes.annotate(row.state, (used, place), xytext=(6, 5), textcoords="offset points")
    _margin(axes, rows)
    return _svg(figure, "guardrails")


def _margin(axes: Axes, rows: list[Guardrail]) -> None:
    axes.axvline(0, color="#9aa4ae")
    axes.axvline(1, color=STATES["worse"], linestyle=":")
    axes.set(
        xlabel="worse by, as a share of what is allowed",
        yticks=range(len(rows)),
        yticklabels=[row.name for row in rows],
        ylim=(-0.6, len(rows) - 0.4),
    )


def _svg(figure: Figure, name: str) -> str:
    """The figure as an element; names in it differ from those of the page's other figures."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=NO_METADATA)
    element = text.getvalue().partition("<svg")[2]
    return "<svg" + re.sub(r'<g id="[^"]*"', "<g", element)
