"""What champion and candidate predicted of the same: their logs, joined by the prediction's id."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from ..logged import scan
from ..object_store import ERRORS
from ..prediction_log.rows import is_sampled

EARLIER, LATER = timedelta(hours=6), timedelta(days=2)
"""So long before or after the champion's the candidate's predictions are looked for."""

LATE = timedelta(minutes=10)
"""A champion that predicts so long after the candidate knows more: no pair is made of the two."""


class NoPair(ValueError):  # noqa: N818 - says what it is
    """The candidate has predicted nothing of what the champion has."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The predictions of one champion, and those of one candidate of the same."""

    champion: str
    candidate: str
    rows: pl.DataFrame
    """Columns: `time` (the champion's), `champion`, `candidate` (Float64), `inputs` (a struct or
    null), `prediction_id`; in order of time."""
    asked: int
    """What the champion predicted, and the candidate was to predict, too."""
    answered: int
    """How much of it the candidate did predict."""
    others: int
    """Predictions of other champions in the same time; they are left out."""
    late: int
    """Predictions with which the champion came late; they are left out, too."""

    @property
    def coverage(self) -> float:
        """The share of what the candidate should have predicted that it did."""
        return self.answered / self.asked if self.asked else 0.0


def read_pairs(
    log: str,
    shadow_log: str,
    since: datetime,
    until: datetime,
    *,
    share: float = 1.0,
    candidate: str = "",
    from_the_first: bool = True,
) -> Pairs:
    """What the champion predicted in [since, until), beside the candidate's.

    `share` is that of the predictions which the candidate was asked about. Of several champions
    that predicted, and of several candidates that did so for them, the newest counts, unless
    `candidate` names one. It was asked from its first prediction on, or from `since` on.
    Raises FileNotFoundError without any rows, NoPair without a pair, ValueError when a log cannot
    be read.
    """
    try:
        shadow = scan(shadow_log, since - EARLIER, until + LATER).select(
            "prediction_id", "model_version", "time", candidate="prediction"
        )
        champion = scan(log, since, until).select(
            "prediction_id", "model_version", "time", "inputs", champion="prediction"
        )
        name = candidate or _newest(champion, shadow)
        answers = shadow.filter(pl.col("model_version") == name).select(
            "prediction_id", "candidate", late_from=pl.col("time") + LATE
        )
        joined = champion.join(answers, on="prediction_id", how="left").sort("time").collect()
    except FileNotFoundError:
        raise
    except ERRORS as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{log} and {shadow_log} cannot be compared: {reason}") from error
    # What the candidate did not predict has no `late_from`: `remove` keeps it.
    rows = joined.remove(pl.col("time") > pl.col("late_from"))
    answered = rows.filter(pl.col("candidate").is_not_null())
    if not len(answered):
        raise NoPair(
            f"{shadow_log} holds no prediction of {name or 'a candidate'} that {log} has from"
            f" {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}: did both score the same?"
        )
    version = answered["model_version"][-1]
    of_champion = pl.col("model_version") == version
    mine = answered.filter(of_champion)
    asked = rows.filter(of_champion)
    if from_the_first:
        asked = asked.filter(pl.col("time") >= mine["time"][0])
    if share < 1:
        asked = asked.filter([is_sampled(name, share) for name in asked["prediction_id"]])
    return Pairs(
        champion=version,
        candidate=name,
        rows=mine.select(
            "prediction_id",
            "time",
            pl.col("champion", "candidate").cast(pl.Float64),
            "inputs",
        ),
        asked=len(asked),
        answered=len(asked) - asked["candidate"].null_count(),
        others=len(answered) - len(mine),
        late=len(joined) - len(rows),
    )


def _newest(champion: pl.LazyFrame, shadow: pl.LazyFrame) -> str:
    """The candidate that was the last to predict something of the champion's."""
    paired = shadow.join(champion, on="prediction_id", how="semi")
    newest = paired.select(pl.col("model_version").sort_by("time").last()).collect()
    version: str | None = newest.item()
    return version or ""
