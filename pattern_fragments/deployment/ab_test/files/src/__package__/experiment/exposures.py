"""The log of exposures: which unit asked, which arm answered it, and when."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from ..deferred import Batch
from ..gauges import Gauge, Labels
from ..logged import files
from ..object_store import ERRORS, options, place
from ..prediction_log.store import Store
from ..prediction_log.writer import Writer
from ..settings import Settings
from .assignment import ARMS

SCHEMA = {
    "exposure": pl.String(),
    "plan": pl.String(),
    "unit": pl.String(),
    "arm": pl.String(),
    "model_version": pl.String(),
    "time": pl.Datetime("us", "UTC"),
    "rows": pl.Int32(),
    "duration_s": pl.Float32(),
}

MOST_NOTED = 50_000
"""So many exposures wait for the thread of the observers at most; further ones are lost."""

MOST_UNITS = 200_000
"""So many different units an instance counts; of later ones it counts none, of neither arm."""


class Exposure(NamedTuple):
    """A request of a unit that an arm was given: a row of the log."""

    exposure: str
    """The id of the answer: its predictions are `exposure-0`, `exposure-1` and so on."""
    plan: str
    """The id of the plan, so that no other experiment counts it."""
    unit: str
    """A pseudonym (`assignment.py`)."""
    arm: str
    model_version: str
    time: datetime
    rows: int
    """How many were predicted; 0: the model failed, refused, or answered too late."""
    duration_s: float
    """What the arm itself took, without the time in a queue, which both arms share."""


class ExposureLog:
    """Notes exposures, and writes them as a bulk observer: bounded, beside the answers."""

    def __init__(self, settings: Settings, gauges: list[Gauge]) -> None:
        store = Store(
            settings.exposure_log,
            settings.prediction_log_keep_days,
            settings.exposure_log_max_mb * 1_000_000,
            "SERVICE_EXPOSURE_LOG",
        )
        flush_s = settings.prediction_log_flush_s
        writer = Writer("exposures", settings.exposure_log, store, flush_s)
        self._writer = writer
        self._noted: list[Exposure] = []
        self._lost = 0
        self._unnamed = 0
        self._noting = threading.Lock()
        self._units: dict[Labels, set[str]] = {(arm,): set() for arm in ARMS}
        self._requests: dict[Labels, float] = {(arm,): 0 for arm in ARMS}
        self._failures: dict[Labels, float] = {(arm,): 0 for arm in ARMS}
        gauges += (
            Gauge(
                "experiment_units",
                "Different units that this instance was asked about",
                lambda: {arm: len(units) for arm, units in self._units.items()},
                labels=("arm",),
            ),
            Gauge(
                "experiment_requests_total",
                "Requests of units of the experiment",
                lambda: dict(self._requests),
                total=True,
                labels=("arm",),
            ),
            Gauge(
                "experiment_failures_total",
                "Those of them at which the model failed, refused, or answered too late",
                lambda: dict(self._failures),
                total=True,
                labels=("arm",),
            ),
            Gauge(
                "experiment_unnamed_requests_total",
                "Requests without a unit: the model answers them, and nobody is exposed",
                lambda: self._unnamed,
                total=True,
            ),
            Gauge(
                "exposure_log_overdue_seconds",
                "For so long exposures should have been logged that are not; or 0",
                writer.overdue_s,
            ),
            Gauge(
                "exposure_log_dropped_rows_total",
                "Exposures that are lost: too many at once, or their log could not be written",
                lambda: writer.dropped + self._lost,
                total=True,
            ),
        )

    def note(self, exposure: Exposure) -> None:
        """Keep an exposure for later. It is called where requests are answered: nothing waits."""
        with self._noting:
            self._requests[exposure.arm,] += 1
            self._failures[exposure.arm,] += not exposure.rows
            if len(self._noted) < MOST_NOTED:
                self._noted.append(exposure)
            else:
                self._lost += 1

    def note_unnamed(self) -> None:
        """Count a request that names no unit."""
        with self._noting:
            self._unnamed += 1

    def observe(self, batch: Batch) -> None:  # noqa: ARG002 - a BulkObserver
        """Log what was noted: each request ends in a batch, answered or refused."""
        self._log()

    def close(self) -> None:
        """Write what is held."""
        self._log()
        self._writer.close()

    def _log(self) -> None:
        with self._noting:
            noted, self._noted = self._noted, []
        if not noted:
            return
        for exposure in noted:
            if sum(map(len, self._units.values())) < MOST_UNITS:
                self._units[exposure.arm,].add(exposure.unit)
        self._writer.add(frame(noted))


def frame(exposures: Sequence[Exposure]) -> pl.DataFrame:
    """Exposures as a table: columns as in SCHEMA."""
    return pl.DataFrame(exposures, schema=SCHEMA, orient="row")


def read(where: str, plan: str, since: datetime, until: datetime) -> pl.DataFrame:
    """The exposures of a plan in [since, until), each once, in order of time: as in SCHEMA.

    Raises FileNotFoundError when there is none, ValueError when the log cannot be read.
    """
    where = place(where, "SERVICE_EXPOSURE_LOG")
    try:
        found = files(where, since, until)
        rows = [
            pl.scan_parquet(
                same, glob=False, hive_partitioning=False, storage_options=options(where)
            )
            for same in found
        ]
        table = pl.concat(rows).select(*SCHEMA) if rows else pl.LazyFrame(schema=SCHEMA)
        is_own = pl.col("plan") == plan
        is_then = pl.col("time").is_between(since, until, closed="left")
        # What could not be written as a whole was written again.
        shown = table.filter(is_own & is_then).unique("exposure").sort("time", "exposure").collect()
    except ERRORS as error:
        raise ValueError(f"the exposures in {where} cannot be read: {error}") from error
    if shown.is_empty():
        raise FileNotFoundError(
            f"{where} holds no exposures of this plan: was the service started with a challenger,"
            " and do callers name their unit?"
        )
    return shown
