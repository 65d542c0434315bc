"""The newest figures as gauges of the service."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec
import polars as pl

from ..domain.value import SEGMENTS
from ..gauges import Gauge, Labels
from ..model_folder import ModelFolder
from ..object_store import place
from ..settings import Settings
from ..training.evaluate import Figure
from . import summary
from .compute import COMPUTED
from .windows import RECENT

logger = logging.getLogger(__name__)

LOOK_S = 60.0
"""So often it is looked for a newer summary, at most."""

WAIT_S = 3.0
"""Whoever asks waits so long for a store that is slow, and gets the figures from before then."""

Figures = Mapping[str, Mapping[Labels, float]]


class Latest:
    """The summary at a path or URL, read again from time to time, when somebody asks."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._figures: Figures = {}
        self._next_look = 0.0
        self._is_looking = False
        self._lock = threading.Lock()

    def of(self, name: str) -> Callable[[], Mapping[Labels, float]]:
        """What reads the values of a figure by their labels; none while there are none."""
        return lambda: self._current().get(name, {})

    def _current(self) -> Figures:
        with self._lock:
            is_due = not self._is_looking and time.monotonic() >= self._next_look
            if is_due:
                self._is_looking = True
        if is_due:
            looking = threading.Thread(target=self._look, name="performance", daemon=True)
            looking.start()
            looking.join(WAIT_S)
        return self._figures

    def _look(self) -> None:
        try:
            self._figures = figures(summary.read(self._where))
        except ValueError as error:
            # That there is none yet is told by the alert, after a day.
            logger.debug("performance is not known: %s", error)
        except Exception:
            logger.warning("the summary %s cannot be shown", self._where, exc_info=True)
        finally:
            self._next_look = time.monotonic() + LOOK_S
            self._is_looking = False


def figures(table: pl.DataFrame) -> Figures:
    """The figures of the recent window by name, each by the labels of its gauge."""
    found: dict[str, dict[Labels, float]] = defaultdict(dict)
    for row in table.filter(pl.col("figure") == COMPUTED).to_dicts():
        found[COMPUTED][()] = row["value"]
    recent = table.filter((pl.col("window") == RECENT) & (pl.col("group") == ""))
    for row in recent.to_dicts():
        name = row["figure"]
        labels = tuple(row[part] for part in ("model_version", "segment") if row[part])
        found[name][labels] = row["value"]
        for bound, value in _bounds(row):
            found[f"{name}, bounds"][(*labels, bound)] = value
        found[f"{name}, rows"][labels] = row["rows"]
        found["end"][()] = row["end"].timestamp()
    return found


def _bounds(row: Mapping[str, float | None]) -> Iterator[tuple[str, float]]:
    for bound in ("value", "low", "high"):
        value = row[bound]
        if value is not None:
            yield bound, value


class _Test(msgspec.Struct, frozen=True):
    roc_auc: Figure


class _Metrics(msgspec.Struct, frozen=True):
    """What is needed of the model's metrics.json."""

    test: _Test


def read_test(folder: ModelFolder) -> Figure:
    """The ROC AUC of the model's own test; raises OSError or ValueError when it is not known."""
    return msgspec.json.decode(folder.metrics.read_bytes(), type=_Metrics).test.roc_auc


def performance_gauges(settings: Settings, folder: ModelFolder) -> list[Gauge]:
    """The gauges; they have no value as long as there is no summary.

    Raises ValueError when the settings name places that are none.
    """
    place(settings.outcomes, "SERVICE_OUTCOMES")
    latest = Latest(place(settings.performance_summary, "SERVICE_PERFORMANCE_SUMMARY"))
    test = read_test(folder)
    version = folder.read_signature().version
    of_test: dict[Labels, float] = {
        (version, name): getattr(test, name) for name in ("value", "low", "high")
    }
    limits: dict[Labels, float] = {(segment.name,): segment.largest_gap for segment in SEGMENTS}
    model = ("model_version", "bound")
    return [
        Gauge(
            "performance_roc_auc",
            "ROC AUC of the recent predictions whose outcomes are known, and its 95 % interval",
            latest.of("roc_auc, bounds"),
            labels=model,
        ),
        Gauge(
            "performance_test_roc_auc",
            "ROC AUC of the model's own test, and its 95 % interval",
            lambda: of_test,
            labels=model,
        ),
        Gauge(
            "performance_brier_score",
            "Brier score of the recent predictions, and its 95 % interval",
            latest.of("brier, bounds"),
            labels=model,
        ),
        Gauge(
            "performance_calibration_bias",
            "Mean prediction minus observed rate, and its 95 % interval",
            latest.of("calibration_bias, bounds"),
            labels=model,
        ),
        Gauge(
            "performance_calibration_error",
            "Expected calibration error of the recent predictions",
            latest.of("calibration_error"),
            labels=("model_version",),
        ),
        Gauge(
            "performance_saving",
            "What the model saved per prediction, against acting always or never",
            latest.of("saving, bounds"),
            labels=model,
        ),
        Gauge(
            "performance_segment_gap",
            "Largest difference of the true positive rate between two values of an input",
            latest.of("true_positive_rate_gap, bounds"),
            labels=("model_version", "segment", "bound"),
        ),
        Gauge(
            "performance_segment_gap_limit",
            "The difference beyond which the team wants to know",
            lambda: limits,
            labels=("segment",),
        ),
        Gauge(
            "performance_labelled_rows",
            "Recent predictions whose outcomes are known",
            latest.of("label_delay_median_s, rows"),
            labels=("model_version",),
        ),
        Gauge(
            "performance_label_coverage_ratio",
            "Share of the predictions old enough for an outcome that have one",
            latest.of("label_coverage"),
            labels=("model_version",),
        ),
        Gauge(
            "performance_due_rows",
            "Recent predictions old enough for an outcome",
            latest.of("label_coverage, rows"),
            labels=("model_version",),
        ),
        Gauge(
            "performance_label_delay_seconds",
            "After so long nine in ten of the known outcomes were known",
            latest.of("label_delay_p90_s"),
            labels=("model_version",),
        ),
        Gauge(
            "performance_window_end_timestamp_seconds",
            "The end of the recent predictions, in seconds since 1970 UTC",
            latest.of("end"),
        ),
        Gauge(
            "performance_computed_timestamp_seconds",
            "When these figures were computed, in seconds since 1970 UTC",
            latest.of(COMPUTED),
        ),
    ]
