"""One comparison of champion and candidate, from their logs to a verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import polars as pl

from .. import outcomes
from ..domain.value import DECISION, SEGMENTS
from ..settings import Settings
from .agreement import Agreement, SegmentAgreement, agreement, by_segment
from .loss import LEAST_DAYS, Outcomes
from .loss import outcomes as losses
from .pairs import Pairs, read_pairs
from .verdict import Check, Verdict, judge
from .window import Window, fixed, settled


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What report.json holds."""

    champion: str
    candidate: str
    since: datetime
    until: datetime
    rows: int
    days: int
    """On which both have predicted, in UTC."""
    asked: int
    """What the candidate was to predict: of the fixed days all, of others since it was there."""
    coverage: float
    other_champions: int
    """Pairs with an earlier champion; they are left out."""
    late: int
    """Pairs in which the champion came so late that it knew more; they are left out."""
    agreement: Agreement
    segments: list[SegmentAgreement]
    outcomes: int
    """Predictions old enough for their outcome that have one."""
    known: Outcomes | None
    """None while those are too few, or of too few days."""
    verdict: Verdict


class Compared(NamedTuple):
    """A comparison, and what it was made from."""

    comparison: Comparison
    rows: pl.DataFrame
    """As `Pairs.rows`, with `label`: null where no outcome is known."""


def compare(
    settings: Settings, window: Window, period: Check, share: float = 1.0, candidate: str = ""
) -> Compared:
    """Compare what was predicted in a window; `share` is that asked of the candidate.

    Outcomes that are told after the window has settled change nothing, so that to ask again gives
    the same. Raises FileNotFoundError when a log is empty, ValueError when it cannot be read or has
    no pair.
    """
    pairs = read_pairs(
        settings.prediction_log,
        settings.shadow_log,
        *window,
        share=share,
        candidate=candidate,
        # Of the fixed days none may be missing: a candidate that came later gets others.
        from_the_first=fixed(settings) != window,
    )
    as_of = min(datetime.now(UTC), settled(settings, window))
    known = outcomes.known(outcomes.scan(settings.outcomes), window.since, as_of).collect()
    due = pl.col("time") <= as_of - timedelta(hours=settings.outcome_delay_h)
    rows = (
        pairs.rows.join(known.drop("labelled_at"), on="prediction_id", how="left")
        # The outcomes that come first are not like the others.
        .with_columns(pl.when(due).then("label").alias("label"), day=pl.col("time").dt.date())
        .sort("time", "prediction_id")
    )
    return Compared(_comparison(settings, pairs, rows, window, period), rows)


def _comparison(
    settings: Settings, pairs: Pairs, rows: pl.DataFrame, window: Window, period: Check
) -> Comparison:
    tolerance = settings.shadow_tolerance
    both = (_array(rows["champion"]), _array(rows["candidate"]))
    found = agreement(*both, tolerance, DECISION.threshold)
    days = rows["day"].n_unique()
    with_outcome = rows.filter(pl.col("label").is_not_null())
    known = _known(settings, with_outcome)
    return Comparison(
        champion=pairs.champion,
        candidate=pairs.candidate,
        since=window.since,
        until=window.until,
        rows=len(rows),
        days=days,
        asked=pairs.asked,
        coverage=pairs.coverage,
        other_champions=pairs.others,
        late=pairs.late,
        agreement=found,
        segments=by_segment(rows, [one.name for one in SEGMENTS], tolerance),
        outcomes=len(with_outcome),
        known=known,
        verdict=judge(settings, period, found, days, pairs, known),
    )


def _known(settings: Settings, rows: pl.DataFrame) -> Outcomes | None:
    """What outcomes say; None while they are too few, or of too few days."""
    least_days = max(LEAST_DAYS, settings.shadow_min_days)
    if len(rows) < settings.shadow_min_outcomes or rows["day"].n_unique() < least_days:
        return None
    names = ("label", "champion", "candidate", "day")
    labels, champion, candidate, days = (_array(rows[name]) for name in names)
    return losses(labels, champion, candidate, days, DECISION)


def _array(values: pl.Series) -> Any:
    return values.to_numpy()


def in_short(found: Comparison) -> str:
    """The verdict, and a line for each check."""
    lines = [
        f"champion {found.champion}, candidate {found.candidate}: {found.rows:,} rows",
        *(f"  {'passed' if one.passed else 'FAILED'}  {one.says}" for one in found.verdict.checks),
        "fit to promote" if found.verdict.fit else "not fit to promote",
    ]
    return "\n".join(lines) + "\n"
