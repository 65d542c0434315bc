"""The plots of the report, as SVG that stands in the page."""

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .bins import PREDICTION, Bins
from .periods import Drift, PeriodDrift

REFERENCE, NOW, RED = "#9aa4ae", "#2563a8", "#b42318"

SHADES = ListedColormap(["#f4f6f8", "#dce7f3", "#9dbfe3", "#f2a58e", "#d9472b"])
LEVELS = (0.25, 0.5, 1.0, 2.0)
"""Shares of the limit at which the shade changes: red is above it."""


def heat_map(
    names: Sequence[str], periods: Sequence[PeriodDrift], title: str, *, is_psi: bool
) -> str:
    """One cell for each thing watched and period: the figure, its shade by share of the limit."""
    figures = [
        [_figure(period.drift.get(name), is_psi=is_psi) for period in periods] for name in names
    ]
    values, shades = (
        np.array([[cell[part] for cell in row] for row in figures], float) for part in (0, 1)
    )
    width, height = 2.6 + 0.52 * len(periods), 1.1 + 0.27 * len(names)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    shown = np.digitize(np.nan_to_num(shades), LEVELS)
    axes.imshow(shown, cmap=SHADES, vmin=0, vmax=4, aspect="auto")
    for row, column in np.argwhere(~np.isnan(values)):
        over = shades[row, column] > 1
        axes.text(
            column,
            row,
            f"{values[row, column]:.2f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if shades[row, column] > LEVELS[-1] else "black",
            fontweight="bold" if over else "normal",
        )
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xticks(range(len(periods)), [_label(one) for one in periods], fontsize=7, rotation=60)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _svg(figure)


def _figure(drift: Drift | None, *, is_psi: bool) -> tuple[float, float]:
    """A value and its share of the limit; NaN for what is not known or has no limit."""
    if drift is None:
        return np.nan, np.nan
    value = drift.psi if is_psi else drift.wasserstein
    limit = drift.psi_limit if is_psi else drift.wasserstein_limit
    if value is None:
        return np.nan, np.nan
    return value, np.nan if limit is None else value / limit


def distribution(name: str, bins: Bins, period: PeriodDrift) -> str:
    """The shares of the bins in a period beside those of the reference."""
    labels = [label for thing, label in bins.labels if thing == name]
    expected = bins.expected[bins.of(name)]
    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axes = figure.subplots()
    _bars(axes, expected / expected.sum(), np.array(period.drift[name].shares))
    if bins.is_number(name):
        edges = bins.edges(name)
        shown = range(0, len(edges), max(1, len(edges) // 6))
        axes.set_xticks([place + 0.5 for place in shown], [f"{edges[at]:.4g}" for at in shown])
        axes.set_xlabel("edges of the bins; the last bin is what is missing", fontsize=7)
    else:
        axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.tick_params(labelsize=7)
    axes.set_ylabel("share of rows", fontsize=7)
    axes.set_title(f"{name}, {_label(period)}", fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=7)
    return _svg(figure)


def _bars(axes: Axes, expected: NDArray[np.float64], now: NDArray[np.float64]) -> None:
    places = np.arange(len(now))
    axes.bar(places, expected, width=0.9, color=REFERENCE, alpha=0.6, label="training")
    axes.bar(places, now, width=0.45, color=NOW, label="logged")


def predictions(periods: Sequence[PeriodDrift]) -> str:
    """The mean prediction and the PSI of the predictions over time."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    places = range(len(periods))
    means = [np.nan if one.mean_prediction is None else one.mean_prediction for one in periods]
    above.plot(places, means, color=NOW, marker="o", markersize=3)
    above.set_ylabel("mean prediction", fontsize=7)
    psis = [_figure(one.drift.get(PREDICTION), is_psi=True) for one in periods]
    below.bar(
        places,
        [value for value, _ in psis],
        color=[RED if share > 1 else NOW for _, share in psis],
    )
    limits = (one.drift[PREDICTION].psi_limit for one in periods if PREDICTION in one.drift)
    limit = next(limits, None)
    if limit is not None:
        below.axhline(limit, color=RED, linestyle=":", linewidth=1)
    below.set_ylabel("PSI", fontsize=7)
    below.set_xticks(places, [_label(one) for one in periods], rotation=60)
    for axes in (above, below):
        axes.tick_params(labelsize=7)
    return _svg(figure)


def _label(period: PeriodDrift) -> str:
    return f"{period.start:%Y-%m-%d}"


def _svg(figure: Figure) -> str:
    """The figure as an SVG element, the same for the same content."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "drift", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
