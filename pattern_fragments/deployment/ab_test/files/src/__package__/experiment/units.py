"""From the logs to one row per unit: exposures joined with predictions and outcomes."""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from .. import outcomes
from ..domain.experiment import value
from ..logged import scan
from ..settings import Settings
from . import exposures
from .guardrails import SLOW_S
from .plan import Plan


class Seen(NamedTuple):
    """What an experiment has seen by a look at it."""

    units: pl.DataFrame
    """One row per unit and arm: `unit`, `arm`, `first` (its first exposure), `asked`, `answered`,
    `failures`, `slow` (counts of requests), `due`, `found`, `labelled` (counts of predictions:
    whose outcome is due, that are in the prediction log, that have an outcome), `value`, `brier`
    (sums over labelled ones)."""
    days: int
    """On so many days both arms were asked."""


def seen(settings: Settings, plan: Plan, moment: datetime) -> Seen:
    """What the newest look of the plan shows that lies before a moment.

    Raises FileNotFoundError when nobody was exposed, ValueError when it is too early for a look, or
    a log cannot be read.
    """
    as_of = plan.look(moment)
    if as_of is None:
        raise ValueError(
            f"the experiment begins at {plan.start:%Y-%m-%d %H:%M} UTC: the first look is a day"
            " later"
        )
    shown = exposures.read(settings.exposure_log, plan.id, plan.start, min(as_of, plan.end))
    # Outcomes that come early are not like the others: for those it is waited as in the end.
    due = shown.filter(pl.col("time") <= as_of - timedelta(hours=plan.outcome_delay_h))
    day = (pl.col("time") - plan.start).dt.total_days()
    days = shown.group_by(day).agg(pl.col("arm").n_unique())
    units = table(shown, _counted(due, _known(settings, plan.start, as_of)))
    return Seen(units, days.filter(pl.col("arm") > 1).height)


def _known(settings: Settings, start: datetime, as_of: datetime) -> pl.DataFrame:
    """Of each prediction in the log its value and its squared error, null without outcome."""
    told = outcomes.known(outcomes.scan(settings.outcomes), start, as_of)
    try:
        predicted = scan(settings.prediction_log, start, as_of)
    except FileNotFoundError:
        predicted = pl.LazyFrame(schema={"prediction_id": pl.String, "prediction": pl.Float32})
    found = predicted.select("prediction_id", "prediction").collect()
    rows = found.join(told.collect(), on="prediction_id")
    labels, predictions = rows["label"].to_numpy(), rows["prediction"].to_numpy()
    judged = pl.DataFrame(
        {
            "prediction_id": rows["prediction_id"],
            "value": value(predictions, labels),
            "brier": np.square(predictions - labels),
        }
    )
    return found.select("prediction_id", found=True).join(judged, on="prediction_id", how="left")


def _counted(due: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """What came of the predictions of each exposure."""
    rows = due.filter(pl.col("rows") > 0).select("exposure", row=pl.int_ranges("rows"))
    ids = pl.format("{}-{}", "exposure", "row")
    return (
        rows.explode("row")
        .with_columns(prediction_id=ids)
        .join(known, on="prediction_id", how="left")
        .group_by("exposure")
        .agg(
            due=pl.len(),
            found=pl.col("found").count(),
            labelled=pl.col("value").count(),
            value=pl.col("value").sum(),
            brier=pl.col("brier").sum(),
        )
    )


def table(shown: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """One row per unit and arm of exposures and what came of them."""
    answered = pl.col("rows") > 0
    counts = [name for name in counted.columns if name != "exposure"]
    return (
        shown.join(counted, on="exposure", how="left")
        .group_by("unit", "arm", maintain_order=True)
        .agg(
            pl.col(counts).sum(),
            first=pl.col("time").min(),
            asked=pl.len(),
            answered=answered.sum(),
            failures=(~answered).sum(),
            slow=(answered & (pl.col("duration_s") > SLOW_S)).sum(),
        )
        .sort("first", "unit")
    )
