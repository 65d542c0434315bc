"""A plan is made once, from the past, and not changed."""

from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from __package__.domain.experiment import MARGINS, METRIC
from __package__.experiment.compare import Sums, excess_of_shares
from __package__.experiment.metric import Margins
from __package__.experiment.plan import Plan
from __package__.experiment.planning import Terms, make_plan, needed
from __package__.experiment.power import (
    power_with,
    smallest_effect,
    units_needed,
    units_without_any,
)

from .conftest import SALT, START, past

WIDE = Margins(failures=0.05, slow=0.05, brier=0.1)


def planned(effect: float, days: int = 28, margins: Margins = WIDE) -> Plan:
    terms = Terms(start=START, effect=effect)
    return make_plan(past(600, days), terms, ("a", "b"), METRIC, margins, START, SALT)


def test_a_plan_is_read_as_it_was_written(plan: Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


def test_a_plan_is_not_replaced(plan: Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan.json")
    with pytest.raises(ValueError, match="a plan is not changed once it is made"):
        plan.write(tmp_path / "plan.json")


def test_a_plan_with_impossible_values_is_refused(plan: Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text().replace('"share": 0.5', '"share": 1.5')
    (tmp_path / "wrong.json").write_text(text)
    with pytest.raises(ValueError, match=r"wrong.json is no plan of an experiment.*share"):
        Plan.read(tmp_path / "wrong.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"slow"', '"slowness"'), ('"brier": ', '"revenue": 1.0, "brier": ')],
)
def test_a_plan_has_the_guardrails_that_are_judged(
    plan: Plan, tmp_path: Path, old: str, new: str
) -> None:
    plan.write(tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text()
    assert old in text
    (tmp_path / "wrong.json").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match="guardrails"):
        Plan.read(tmp_path / "wrong.json")


def test_the_metric_is_due_when_the_outcomes_of_the_last_day_are(plan: Plan) -> None:
    assert plan.end == START + timedelta(days=14)
    assert plan.due == START + timedelta(days=15)


def test_looks_are_those_of_the_plan_whenever_somebody_looks(plan: Plan) -> None:
    def look(days: float) -> float:
        found = plan.look(START + timedelta(days=days))
        return (found - START) / timedelta(days=1) if found else 0.0

    looks = [look(hours / 6) for hours in range(6 * 40)]
    assert looks == sorted(looks)
    assert sorted(set(looks)) == list(range(16))
    assert len(set(looks) - {0.0}) == plan.looks
    assert plan.look(START - timedelta(days=3)) is None
    assert look(14.9) == 14
    assert look(400) == look(15) == 15


def test_another_salt_is_another_plan(plan: Plan) -> None:
    assert plan.id != msgspec.structs.replace(plan, salt="other").id


def test_a_smaller_effect_takes_more_units_and_whole_weeks() -> None:
    large, small = planned(1.6), planned(1.0)
    assert large.units < small.units
    assert large.days % 7 == 0
    assert large.days <= small.days


def test_an_effect_that_takes_too_many_units_is_refused_with_what_could_be_found() -> None:
    with pytest.raises(ValueError, match=r"are needed for an effect of 0\.05: look for"):
        planned(0.05)


def test_a_narrow_margin_takes_units_and_more_than_there_are_is_refused() -> None:
    before = past(600, 28)
    terms = Terms(start=START, effect=1.6)
    narrow = msgspec.structs.replace(WIDE, brier=0.007)
    assert needed(before, 28, terms, narrow).brier > needed(before, 28, terms, WIDE).brier
    assert planned(1.6, margins=narrow).units >= needed(before, 28, terms, narrow).brier
    with pytest.raises(ValueError, match=r"to be sure that brier is within 0\.0001: allow more"):
        planned(1.6, margins=msgspec.structs.replace(WIDE, brier=0.0001))
    with pytest.raises(ValueError, match="to be sure of failures and slow answers"):
        planned(1.6, margins=MARGINS)


def test_less_than_a_week_of_the_past_is_refused() -> None:
    with pytest.raises(ValueError, match="a week of the past at least"):
        planned(1.0, days=6)


def test_units_and_effect_agree_with_each_other_and_with_the_rule_of_thumb() -> None:
    units = units_needed(1.0, 5.0, alpha=0.05, power=0.8, share=0.5)
    # 16 times the variance over the squared effect, for each of two arms.
    assert units == pytest.approx(2 * 16 * 25, rel=0.03)
    assert smallest_effect(units, 5.0, alpha=0.05, power=0.8, share=0.5) == pytest.approx(
        1.0, rel=0.01
    )
    assert units_needed(1.0, 5.0, alpha=0.05, power=0.8, share=0.1) > 2 * units
    assert power_with(units, 1.0, 5.0, alpha=0.05, share=0.5) == pytest.approx(0.8, abs=0.01)


def test_with_the_units_of_a_plan_a_share_that_never_came_is_within_its_margin() -> None:
    half = units_without_any(0.01, alpha=0.05, share=0.5) // 2
    for units, is_within in ((half + 1, True), (half - 1, False)):
        none = Sums(np.zeros(units), np.ones(units))
        assert (excess_of_shares(none, none, 0.01).p_within < 0.05) is is_within
