"""The plots of the model card."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .evaluate import CALIBRATION_BINS, Metrics, calibration_bins

BLUE, GREY = "#2563a8", "#9aa4ae"


def draw(
    folder: Path,
    labels: NDArray[np.float64],
    predictions: NDArray[np.float32],
    metrics: Metrics,
    importance: dict[str, float],
) -> None:
    """Write curves.png, calibration.png, months.png and importance.png into `folder`."""
    curves = Figure(figsize=(9, 4), layout="constrained")
    roc, precision_recall = curves.subplots(1, 2)
    _curves(roc, precision_recall, labels, predictions)
    _save(curves, folder / "curves.png")
    for name, height in (("calibration", 4.0), ("months", 3.2), ("importance", 5.0)):
        figure = Figure(figsize=(6, height), layout="constrained")
        axes = figure.subplots()
        if name == "calibration":
            _calibration(axes, labels, predictions)
        elif name == "months":
            _months(axes, metrics)
        else:
            _importance(axes, importance)
        _save(figure, folder / f"{name}.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _curves(
    roc: Axes,
    precision_recall: Axes,
    labels: NDArray[np.float64],
    predictions: NDArray[np.float32],
) -> None:
    ranked = labels[np.argsort(-predictions, kind="stable")]
    hits, alarms = np.cumsum(ranked), np.cumsum(1 - ranked)
    shown = np.unique(np.linspace(0, len(ranked) - 1, 500).astype(int))
    roc.plot(alarms[shown] / alarms[-1], hits[shown] / hits[-1], color=BLUE)
    roc.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    recall, precision = hits[shown] / hits[-1], (hits / (hits + alarms))[shown]
    precision_recall.plot(recall, precision, color=BLUE)
    precision_recall.axhline(labels.mean(), color=GREY, linestyle=":")
    precision_recall.set(
        xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1)
    )


def _calibration(axes: Axes, labels: NDArray[np.float64], predictions: NDArray[np.float32]) -> None:
    bins = calibration_bins(predictions)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    predicted, observed = (
        np.bincount(bins, values, CALIBRATION_BINS)[rows > 0] / rows[rows > 0]
        for values in (predictions, labels)
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    axes.plot(predicted, observed, color=BLUE, marker="o", markersize=4)
    axes.set(
        xlabel="mean prediction", ylabel="observed rate", title="Calibration, bins of equal mass"
    )


def _months(axes: Axes, metrics: Metrics) -> None:
    names = [month.month for month in metrics.months]
    axes.plot(names, [month.rate for month in metrics.months], color=GREY, label="observed rate")
    axes.plot(
        names,
        [np.nan if month.roc_auc is None else month.roc_auc for month in metrics.months],
        color=BLUE,
        marker="o",
        label="ROC AUC",
    )
    axes.set(ylim=(0, 1), title="By month of the test period")
    axes.legend(frameon=False)


def _importance(axes: Axes, importance: dict[str, float]) -> None:
    ranked = sorted(importance.items(), key=lambda item: item[1])[-20:]
    axes.barh([name for name, _ in ranked], [drop for _, drop in ranked], color=BLUE)
    axes.set(xlabel="ROC AUC lost when the feature is shuffled", title="Permutation importance")
