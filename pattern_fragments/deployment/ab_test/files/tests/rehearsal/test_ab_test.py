"""An experiment is played with real rows in a real process, and what it says is believed."""

from datetime import timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from __package__.domain.experiment import MARGINS, METRIC
from __package__.experiment.plan import Plan
from __package__.model_folder import ModelFolder
from __package__.rehearsal.models import Models, end_of_test
from __package__.rehearsal.traffic import Traffic
from __package__.rehearse import play

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plan(models: Models) -> Plan:
    """Of two days, with a margin that the bad model is sure to exceed."""
    version = ModelFolder(models.champion).read_signature().version
    bad = ModelFolder(models.bad).read_signature().version
    return Plan(
        made_at=end_of_test(models.champion) - timedelta(days=1),
        start=end_of_test(models.champion),
        control=version,
        challenger=bad,
        salt="salt",
        share=0.5,
        metric=METRIC.name,
        unit=METRIC.unit,
        lower_is_better=True,
        baseline=6.0,
        deviation=5.0,
        effect=1.0,
        alpha=0.05,
        power=0.8,
        units=788,
        days=2.0,
        asked_days=2,
        outcome_delay_h=24.0,
        guardrails=msgspec.structs.replace(MARGINS, brier=0.001),
        guardrail_alpha=0.05,
    )


def test_every_request_is_answered_by_the_model_of_its_arm(
    models: Models, plan: Plan, tmp_path: Path
) -> None:
    ended = play("bad", models, plan, tmp_path, seconds=3)
    assert (ended.judged.lost, ended.judged.wrong, ended.judged.refused) == (0, 0, 0)
    assert ended.moved == 0
    assert ended.judged.answered > 500
    assert ended.analysis.sound.wrongly_assigned == 0
    # Some rows of the first day were asked about before the experiment began.
    asked_at = Traffic.between(plan.start, plan.end).frame["asked_at"]
    counted = asked_at.is_between(plan.start, plan.end, closed="left").sum()
    assert sum(ended.analysis.requests.values()) == counted
    assert ended.analysis.sound.trouble == ""
    assert ended.analysis.verdict == "keep"
    place = tmp_path / "ab_test" / "bad"
    for name in ("report.md", "outcome.json", "plot.svg", "report/report.html"):
        assert (place / name).stat().st_size
    files = list(place.glob("exposures/date=*/*.parquet"))
    logged = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
    assert logged["exposure"].n_unique() == ended.judged.answered
    assert msgspec.json.decode((place / "outcome.json").read_bytes())["counts"]["lost"] == 0
