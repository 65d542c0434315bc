"""The plots of the report, as SVG that stands in the page."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .agreement import SegmentAgreement

CHAMPION, CANDIDATE, GREY, RED = "#9aa4ae", "#2563a8", "#6b7580", "#b42318"
BUCKETS = 40


def beside(rows: pl.DataFrame, threshold: float) -> str:
    """How often each pair of predictions came: on the diagonal both say the same."""
    champion, candidate = _values(rows)
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    both = np.concatenate([champion, candidate])
    ends = [both.min(), both.max()]
    drawn = axes.hexbin(champion, candidate, gridsize=45, bins="log", cmap="Blues", mincnt=1)
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.axvline(threshold, color=RED, linewidth=0.8, linestyle=":")
    axes.axhline(threshold, color=RED, linewidth=0.8, linestyle=":")
    axes.set(xlabel="champion", ylabel="candidate")
    figure.colorbar(drawn, ax=axes, label="rows").ax.tick_params(labelsize=7)
    return _svg(figure, axes)


def distributions(rows: pl.DataFrame) -> str:
    """How the predictions of both are spread."""
    both = _values(rows)
    edges = np.histogram_bin_edges(np.concatenate(both), 50)
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.subplots()
    names = (("champion", CHAMPION, "stepfilled"), ("candidate", CANDIDATE, "step"))
    for values, (name, colour, kind) in zip(both, names, strict=True):
        axes.hist(values, edges, color=colour, histtype=kind, label=name)  # type: ignore[arg-type]
    axes.set(xlabel="prediction", ylabel="rows")
    axes.legend(frameon=False, fontsize=7)
    return _svg(figure, axes)


def differences(rows: pl.DataFrame, tolerance: float) -> str:
    """How far the candidate lies from the champion."""
    champion, candidate = _values(rows)
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.hist(candidate - champion, 60, color=CANDIDATE)
    for edge in (-tolerance, tolerance):
        axes.axvline(edge, color=RED, linewidth=0.8, linestyle=":")
    axes.set(xlabel="candidate minus champion; dotted: the tolerance", ylabel="rows")
    return _svg(figure, axes)


def over_time(rows: pl.DataFrame, tolerance: float) -> str:
    """The share that differs, in stretches of as many rows each."""
    champion, candidate = _values(rows)
    differs = np.abs(candidate - champion) > tolerance
    times = rows["time"].to_numpy()
    parts = [part for part in np.array_split(np.arange(len(rows)), BUCKETS) if len(part)]
    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axes = figure.subplots()
    middles: Any = [times[part[len(part) // 2]] for part in parts]
    axes.plot(middles, [differs[part].mean() for part in parts], color=CANDIDATE, marker=".")
    axes.set(ylabel="share that differs", ylim=(0, None))
    axes.tick_params(axis="x", rotation=30)
    return _svg(figure, axes)


def segments(found: Sequence[SegmentAgreement], whole: float) -> str:
    """The share that differs by segment, beside that of all rows."""
    figure = Figure(figsize=(5.2, 0.8 + 0.24 * len(found)), layout="constrained")
    axes = figure.subplots()
    places = range(len(found))
    axes.barh(places, [one.differing_share for one in found], color=CANDIDATE)
    axes.set_yticks(places, [f"{one.input} {one.value} ({one.rows:,})" for one in found])
    axes.axvline(whole, color=RED, linewidth=0.8, linestyle=":")
    axes.invert_yaxis()
    axes.set_xlabel("share that differs; dotted: of all rows")
    return _svg(figure, axes)


def _values(rows: pl.DataFrame) -> tuple[Any, Any]:
    return rows["champion"].to_numpy(), rows["candidate"].to_numpy()


def _svg(figure: Figure, axes: Axes) -> str:
    """The figure as an SVG element, the same for the same content."""
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "shadow", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
