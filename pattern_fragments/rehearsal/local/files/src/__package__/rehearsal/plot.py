"""The picture of a rehearsal: who answered when, and how fast."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .answers import Answer

COLOURS = ("#2563a8", "#e08a1e", "#5b8c5a", "#7a5195")
RED, GREY = "#b42318", "#6b7580"
NO_ANSWER = "no answer"
BINS_AT_MOST = 240
CLOSE = 0.02
"""Steps that are nearer to each other, as a share of the whole time, share a line."""


def draw(path: Path, answers: Sequence[Answer], started: float, marks: Sequence[float]) -> None:
    """Draw at least one answer; `started` is the time of second 0, `marks` are the steps' seconds.

    Above, the share of the answers by version; beneath, the latency; steps are numbered lines.
    """
    seconds = np.array([answer.sent_at - started for answer in answers])
    last = max(float(seconds.max()), *marks, 1.0)
    width = max(1.0, last / BINS_AT_MOST)
    edges = np.arange(0.0, last + width, width)
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    above, beneath = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _shares(above, answers, seconds, edges)
    _latency(beneath, answers, seconds, edges)
    for seconds_in, label in _grouped(marks, last * CLOSE):
        for axes in (above, beneath):
            axes.axvline(seconds_in, color=GREY, linewidth=0.8, linestyle=":")
        place = above.get_xaxis_transform()
        above.text(seconds_in, 1.02, label, transform=place, ha="center", fontsize=8, color=GREY)
    beneath.set(xlabel="seconds since the start", xlim=(0, last))
    with mpl.rc_context({"svg.hashsalt": "rehearsal", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _grouped(marks: Sequence[float], close: float) -> list[tuple[float, str]]:
    """Where the lines stand, and the number of the step there, or of the first and the last."""
    groups: list[list[int]] = []
    for number, mark in enumerate(marks):
        if groups and mark - marks[groups[-1][0]] < close:
            groups[-1].append(number)
        else:
            groups.append([number])
    return [
        (marks[group[0]], "-".join(str(number + 1) for number in sorted({group[0], group[-1]})))
        for group in groups
    ]


def _shares(
    axes: Axes, answers: Sequence[Answer], seconds: NDArray[np.float64], edges: NDArray[np.float64]
) -> None:
    names = np.array([answer.version or NO_ANSWER for answer in answers])
    # In the order in which they first answered: the old version lies at the bottom.
    versions = [name for name in dict.fromkeys(names.tolist()) if name != NO_ANSWER]
    shown = [*versions, NO_ANSWER] if NO_ANSWER in names else versions
    counts = np.array([np.histogram(seconds[names == name], edges)[0] for name in shown])
    asked = counts.sum(axis=0)
    some = asked > 0
    colours = [*COLOURS[: len(versions)], RED]
    middles = (edges[:-1] + edges[1:]) / 2
    axes.stackplot(
        middles[some], counts[:, some] / asked[some], labels=shown, colors=colours, step="mid"
    )
    axes.set(ylabel="share of the answers", ylim=(0, 1))
    axes.legend(loc="center left", framealpha=0.9, fontsize=8)


def _latency(
    axes: Axes, answers: Sequence[Answer], seconds: NDArray[np.float64], edges: NDArray[np.float64]
) -> None:
    milliseconds = np.array([answer.latency_s * 1000 for answer in answers])
    place = np.digitize(seconds, edges) - 1
    bins = np.unique(place)
    middles = (edges[bins] + edges[bins + 1]) / 2
    for quantile, label, width in ((0.5, "median", 1.5), (0.99, "99 of 100", 0.8)):
        values = [float(np.quantile(milliseconds[place == one], quantile)) for one in bins]
        axes.plot(middles, values, color=GREY, linewidth=width, label=label)
    axes.set(ylabel="latency, ms", yscale="log")
    axes.legend(loc="upper left", framealpha=0.9, fontsize=8)
