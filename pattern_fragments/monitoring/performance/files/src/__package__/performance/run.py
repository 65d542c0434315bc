"""Computes the summary that the settings ask for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from .. import outcomes
from ..domain.value import DECISION, SEGMENTS
from ..settings import Settings
from .compute import Performance
from .summary import table
from .windows import RECENT, Window, calendar

HISTORY = timedelta(days=92)
"""So far back goes a summary that is asked for without its first day."""


def summarise(
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: datetime | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """The figures of the predictions in [since, until), with what is known at `as_of`.

    By `performance_window`, and of the last `performance_days` whose outcomes are due. Raises
    ValueError when log, outcomes or domain/value.py are wrong.
    """
    as_of = as_of or datetime.now(UTC)
    until = min(until or as_of, as_of)
    since = since or until - HISTORY
    delay = timedelta(hours=settings.outcome_delay_h)
    due = min(until, as_of - delay)
    recent = Window(RECENT, due - timedelta(days=settings.performance_days), due)
    performance = Performance(
        settings.prediction_log,
        outcomes.scan(settings.outcomes),
        DECISION,
        SEGMENTS,
        delay,
        as_of,
    )

    def tell(window: Window, rows: int) -> None:
        progress(f"{window.kind:<7} {window.start:%Y-%m-%d}  {rows:10,} predictions")

    return table(
        performance.lines([*calendar(settings.performance_window, since, until), recent], tell)
    )


def state(summary: pl.DataFrame) -> str:
    """What the summary says, in a sentence."""
    recent = summary.filter((pl.col("window") == RECENT) & (pl.col("segment") == ""))
    every = summary.filter((pl.col("window") != RECENT) & (pl.col("figure") == "predictions"))
    if not len(every):
        return "nothing was predicted in that time"
    labelled = summary.filter(pl.col("figure") == "label_delay_median_s")
    if not len(labelled):
        return (
            f"{every['value'].sum():,.0f} predictions, and of none that is old enough is the"
            " outcome known yet"
        )
    found = recent.filter(pl.col("figure") == "roc_auc")
    if not len(found):
        return "too few outcomes are known of the last days to say how good they were"
    return "; ".join(
        f"model {row['model_version']}: ROC AUC {row['value']:.3f} of {row['rows']:,} predictions"
        f" from {row['start']:%Y-%m-%d} to {row['end']:%Y-%m-%d}"
        for row in found.to_dicts()
    )
