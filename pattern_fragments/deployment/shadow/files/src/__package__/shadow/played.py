"""What the rehearsals of all ways of serving share: outcomes, the comparison, how it ended."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..object_store import write_parquet
from ..rehearsal.story import Story
from ..settings import Settings
from .__main__ import report
from .comparison import Comparison, compare
from .window import Window, as_rehearsed

LOG, SHADOW_LOG, OUTCOMES = "champion/predictions", "candidate/predictions", "outcomes"


class Played(NamedTuple):
    """How one candidate went."""

    row: Mapping[str, object]
    """Of the table of all candidates."""
    as_expected: bool


def fresh(folder: Path, champion: Path) -> Settings:
    """The settings of a rehearsal that keeps all it writes in `folder`; what lay there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = folder.absolute()
    return Settings.model_construct(
        model_dir=champion,
        prediction_log=str(place / LOG),
        shadow_log=str(place / SHADOW_LOG),
        outcomes=str(place / OUTCOMES),
        # They are all known at once here, and of minutes: too few days to decide.
        outcome_delay_h=0,
        shadow_min_days=1,
    )


def write_outcomes(settings: Settings, ids: Sequence[str], labels: NDArray[np.float64]) -> None:
    """Write what came of n predictions."""
    rows = pl.DataFrame({"prediction_id": ids, "label": labels}).with_columns(
        labelled_at=pl.lit(datetime.now(UTC))
    )
    write_parquet(rows, f"{settings.outcomes}/all.parquet")


def concluded(story: Story, settings: Settings, since: datetime, output: Path) -> Comparison | None:
    """Compare what was predicted from `since` until now, and tell how it ended.

    None when there is nothing to compare: no such candidate is fit.
    """
    try:
        window = Window(since, datetime.now(UTC) + timedelta(seconds=1))
        compared = compare(settings, window, as_rehearsed())
    except (OSError, ValueError) as error:
        story.outcome(promoted=False, why=f"nothing could be compared: {error}")
        return None
    report(compared, output)
    verdict = compared.comparison.verdict
    story.outcome(promoted=verdict.fit, why=verdict.why)
    return compared.comparison


def line(name: str, found: Comparison | None) -> Mapping[str, object]:
    """What a table of candidates tells of one."""
    return {
        "candidate": name,
        "outcome": "fit to promote" if found and found.verdict.fit else "not fit",
        "compared": found.rows if found else 0,
        "coverage": f"{found.coverage:.0%}" if found else "none",
        "differ": f"{found.agreement.differing_share:.0%}" if found else "unknown",
    }
