"""How good the predictions are on the later period, and how sure that is."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

RESAMPLES = 500
CALIBRATION_BINS = 15
DAY = 86_400

Floats = NDArray[np.float64]


class Figure(msgspec.Struct, frozen=True):
    """A metric with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


class Month(msgspec.Struct, frozen=True):
    """One calendar month, in UTC; `roc_auc` is None when all its outcomes are the same."""

    month: str
    rows: int
    rate: float
    mean_prediction: float
    roc_auc: float | None


class Metrics(msgspec.Struct, frozen=True):
    """What metrics.json holds of the test period.

    The calibration error has no interval: a resample's own noise adds to it, so that the interval
    would lie above the value.
    """

    rows: int
    rate: float
    roc_auc: Figure
    average_precision: Figure
    brier: Figure
    calibration_error: float
    months: tuple[Month, ...]


class Ranking:
    """Rows sorted by prediction once, so that reweighted rank metrics cost a pass each.

    `labels` float[n] of 0 and 1, `predictions` float[n]; weights are float[n] in the same order.
    """

    def __init__(self, labels: Floats, predictions: NDArray[np.floating]) -> None:
        self._order = np.argsort(-predictions, kind="stable")
        self._labels = labels[self._order]
        changes = np.diff(predictions[self._order], prepend=np.inf) != 0
        self._starts = np.flatnonzero(changes)

    def roc_auc(self, weights: Floats) -> float:
        """The probability that a positive row ranks above a negative one; a tie counts half."""
        positive, negative = self._groups(weights)
        below = negative.sum() - np.cumsum(negative)
        area = np.sum(positive * (below + negative / 2))
        return float(area / (positive.sum() * negative.sum()))

    def average_precision(self, weights: Floats) -> float:
        """The mean of the precision over the recall: sum of (R_k - R_k-1) P_k."""
        positive, negative = self._groups(weights)
        hits, all_ = np.cumsum(positive), np.cumsum(positive + negative)
        precision = np.divide(hits, all_, out=np.zeros_like(hits), where=all_ > 0)
        return float(np.sum(positive * precision) / positive.sum())

    def _groups(self, weights: Floats) -> tuple[Floats, Floats]:
        """The weight of positive and of negative rows in each group of equal predictions."""
        weights = weights[self._order]
        positive = weights * self._labels
        return (
            np.add.reduceat(positive, self._starts),
            np.add.reduceat(weights - positive, self._starts),
        )


def evaluate(
    labels: Floats, predictions: NDArray[np.float32], cuts: NDArray[np.int64], seed: int
) -> Metrics:
    """Metrics of n predictions with confidence intervals.

    The intervals come from a bootstrap over whole days (UTC): rows of one day share their weather
    and their disturbances, and resampling single rows would claim too much certainty.
    """
    ranking = Ranking(labels, predictions)
    errors = predictions.astype(np.float64) - labels

    def brier(weights: Floats) -> float:
        return float(np.sum(weights * errors**2) / weights.sum())

    metrics = (ranking.roc_auc, ranking.average_precision, brier)
    roc_auc, average_precision, brier_score = _bootstrap(metrics, cuts // DAY, seed)
    return Metrics(
        rows=len(labels),
        rate=float(labels.mean()),
        roc_auc=roc_auc,
        average_precision=average_precision,
        brier=brier_score,
        calibration_error=_calibration_error(predictions, errors),
        months=_months(labels, predictions, cuts),
    )


def _calibration_error(predictions: NDArray[np.float32], errors: Floats) -> float:
    """Expected calibration error with bins of equal mass (Naeini et al. 2015)."""
    gaps = np.bincount(calibration_bins(predictions), errors, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(errors))


def calibration_bins(predictions: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bin of each prediction, int64[n], of CALIBRATION_BINS with about as many rows each."""
    edges = np.quantile(predictions, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    return np.searchsorted(edges, predictions, "right")


def _bootstrap(
    metrics: tuple[Callable[[Floats], float], ...], days: NDArray[np.int64], seed: int
) -> list[Figure]:
    names, day = np.unique(days, return_inverse=True)
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    resampled = np.array([[metric(draw[day]) for metric in metrics] for draw in draws * 1.0])
    low, high = np.nanquantile(resampled, (0.025, 0.975), axis=0)
    whole = np.ones(len(days))
    return [
        Figure(metric(whole), float(low[position]), float(high[position]))
        for position, metric in enumerate(metrics)
    ]


def _months(
    labels: Floats, predictions: NDArray[np.float32], cuts: NDArray[np.int64]
) -> tuple[Month, ...]:
    names = np.array([f"{datetime.fromtimestamp(cut, UTC):%Y-%m}" for cut in cuts.tolist()])
    return tuple(
        _month(str(name), labels[names == name], predictions[names == name])
        for name in np.unique(names)
    )


def _month(name: str, labels: Floats, predictions: NDArray[np.float32]) -> Month:
    rate = float(labels.mean())
    auc = Ranking(labels, predictions).roc_auc(np.ones(len(labels))) if 0 < rate < 1 else None
    return Month(name, len(labels), rate, float(predictions.mean()), auc)
