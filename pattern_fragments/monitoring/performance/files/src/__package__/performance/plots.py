"""The plots of the report, as SVG that stands in the page."""

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .segments import RATES

BLUE, GREY, RED, GREEN = "#2563a8", "#9aa4ae", "#b3372f", "#2f7d4f"
WIDE, HIGH = 7.0, 3.2

NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def over_time(
    table: pl.DataFrame, figures: Sequence[str], test: tuple[float, float] | None = None
) -> str:
    """Figures by window with their intervals; that of the model's test, if given, as a band."""
    figure, axes = _figure()
    if test is not None:
        axes.axhspan(*test, color=GREY, alpha=0.25, linewidth=0, label="the model's test")
    for name, colour in zip(figures, (BLUE, RED, GREEN), strict=False):
        _with_interval(axes, table.filter(pl.col("figure") == name), name, colour)
    if test is None:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GREY, alpha=0.3)
    axes.tick_params(axis="x", rotation=30)
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure, "-".join(figures))


def calibration(table: pl.DataFrame) -> str:
    """The calibration curve: bins of predictions with as many rows each."""
    figure, axes = _figure(width=4.2, height=4.0)
    curve = table.pivot("figure", index="group", values="value").sort("group")
    largest = float(curve.select("mean_prediction", "observed_rate").to_numpy().max())
    axes.plot([0, largest], [0, largest], color=GREY, linestyle=":")
    axes.plot(curve["mean_prediction"], curve["observed_rate"], color=BLUE, marker="o", ms=4)
    axes.set(xlabel="mean prediction", ylabel="observed rate")
    return _svg(figure, "calibration")


def groups(table: pl.DataFrame, segment: str) -> str:
    """The rates of each value of an input, side by side."""
    names = table["group"].unique().sort(descending=True).to_list()
    figure = Figure(figsize=(WIDE, 1.2 + 0.22 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(RATES), sharey=True)
    for axes, rate in zip(panels, RATES, strict=True):
        some = table.filter(pl.col("figure") == rate)
        places = [names.index(group) for group in some["group"]]
        axes.plot(some["value"], places, "o", color=BLUE, ms=4)
        axes.grid(axis="x", color=GREY, alpha=0.3)
        axes.set_title(rate.replace("_", " "), fontsize=9)
        if rate == "calibration_bias":
            axes.axvline(0, color=GREY, linestyle=":")
        else:
            axes.set_xlim(0, 1)
    panels[0].set_yticks(range(len(names)), names)
    return _svg(figure, f"groups-{segment}")


def _figure(width: float = WIDE, height: float = HIGH) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _with_interval(axes: Axes, table: pl.DataFrame, name: str, colour: str) -> None:
    for position, ((version,), some) in enumerate(
        sorted(table.partition_by("model_version", as_dict=True).items())
    ):
        rows = some.sort("start")
        label = name.replace("_", " ") + (f", {version}" if position else "")
        middle = rows.select(pl.col("start") + (pl.col("end") - pl.col("start")) / 2).to_series()
        axes.plot(middle.to_list(), rows["value"], color=colour, marker="o", ms=4, label=label)
        low, high = (rows[bound].cast(pl.Float64).fill_null(np.nan) for bound in ("low", "high"))
        if low.is_not_nan().any():
            axes.vlines(middle.to_list(), low, high, color=colour, alpha=0.4, linewidth=3)


def _svg(figure: Figure, name: str) -> str:
    """The figure as an element; names in it differ from those of the page's other figures."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=NO_METADATA)
    element = text.getvalue().partition("<svg")[2]
    return "<svg" + re.sub(r'<g id="[^"]*"', "<g", element)
