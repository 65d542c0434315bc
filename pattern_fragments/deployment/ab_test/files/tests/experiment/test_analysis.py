"""The verdict follows the plan: when it may judge, and what speaks against it."""

from datetime import timedelta

import msgspec
import polars as pl
import pytest

from __package__.experiment.analysis import Analysis, analyse
from __package__.experiment.assignment import CHALLENGER, CONTROL
from __package__.experiment.plan import Plan

from .conftest import START, MakeSeen

DUE = START + timedelta(days=15)
EARLIER = DUE - timedelta(seconds=1)


def test_a_better_challenger_is_shipped_when_the_horizon_is_reached(
    plan: Plan, make_seen: MakeSeen
) -> None:
    analysis = analyse(plan, make_seen(value=-1.5), DUE)
    assert analysis.verdict == "ship"
    assert analysis.metric is not None
    assert analysis.metric.high < 0
    assert "the challenger is better" in analysis.why


def test_before_the_horizon_the_metric_is_neither_judged_nor_shown(
    plan: Plan, make_seen: MakeSeen
) -> None:
    analysis = analyse(plan, make_seen(value=-10.0), EARLIER)
    assert analysis.verdict == "running"
    assert analysis.metric is None
    assert analysis.guardrails
    assert not analysis.sound.trouble


def test_a_worse_challenger_is_not_shipped(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(value=1.5), DUE)
    assert (analysis.verdict, "is worse" in analysis.why) == ("keep", True)


def test_where_higher_is_better_the_same_difference_means_the_opposite(
    plan: Plan, make_seen: MakeSeen
) -> None:
    higher = msgspec.structs.replace(plan, lower_is_better=False)
    assert analyse(higher, make_seen(value=1.5), DUE).verdict == "ship"
    assert analyse(higher, make_seen(value=-1.5), DUE).verdict == "keep"


def test_no_difference_is_told_apart_from_not_enough_units(plan: Plan, make_seen: MakeSeen) -> None:
    many, few = (analyse(plan, make_seen(units), DUE) for units in (6000, 60))
    assert (many.verdict, "can be ruled out" in many.why) == ("keep", True)
    assert few.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("harm", "name"), [({"brier": 0.05}, "brier"), ({"failures": 2}, "failures")]
)
def test_a_guardrail_that_is_surely_worse_ends_it_at_once(
    plan: Plan, make_seen: MakeSeen, harm: dict[str, float], name: str
) -> None:
    analysis = analyse(plan, make_seen(value=-5.0, **harm), EARLIER)
    assert analysis.verdict == "keep"
    assert f"surely worse in {name}" in analysis.why


def test_a_better_metric_is_not_enough_while_a_guardrail_is_open(
    plan: Plan, make_seen: MakeSeen
) -> None:
    analysis = analyse(plan, make_seen(value=-1.5, brier=0.012), DUE)
    assert analysis.verdict == "inconclusive"
    assert "not sure that brier" in analysis.why


def test_with_a_sample_ratio_mismatch_nothing_is_concluded(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(value=-5.0, lost=0.3), DUE)
    assert analysis.verdict == "invalid"
    assert analysis.metric is None
    assert "sample ratio mismatch" in analysis.why


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ({"unlabelled": 0.1}, "more outcomes are missing in one arm"),
        ({"unlabelled": 1.0}, "more outcomes are missing in one arm"),
        ({"unlogged": 0.1}, "the prediction log lacks more of one arm"),
    ],
)
def test_with_outcomes_missing_in_one_arm_nothing_is_concluded(
    plan: Plan, make_seen: MakeSeen, missing: dict[str, float], why: str
) -> None:
    analysis = analyse(plan, make_seen(value=-5.0, **missing), DUE)
    assert analysis.verdict == "invalid"
    assert analysis.metric is None
    assert why in analysis.why


def test_outcomes_missing_alike_are_no_trouble(plan: Plan, make_seen: MakeSeen) -> None:
    seen = make_seen(value=-1.5)
    most = {name: pl.col(name) * 0.9 for name in ("labelled", "value", "brier")}
    analysis = analyse(plan, seen._replace(units=seen.units.with_columns(**most)), DUE)
    assert analysis.verdict == "ship"
    assert "90% of the predictions are logged and have their outcome" in analysis.why


@pytest.mark.parametrize("missing", ["found", "labelled"])
def test_a_verdict_rests_on_most_of_the_predictions(
    plan: Plan, make_seen: MakeSeen, missing: str
) -> None:
    seen = make_seen(value=-1.5)
    few = {name: pl.col(name) * 0.1 for name in {missing, "labelled", "value", "brier"}}
    analysis = analyse(plan, seen._replace(units=seen.units.with_columns(**few)), DUE)
    assert (analysis.verdict, analysis.metric) == ("inconclusive", None)
    assert "only 10% of the predictions are logged and have their outcome" in analysis.why


def test_an_experiment_that_was_off_for_days_ships_nothing(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(value=-1.5)._replace(days=7), DUE)
    assert analysis.verdict == "inconclusive"
    assert "asked on 7 days only" in analysis.why


def test_what_could_be_found_follows_from_the_units_that_were_seen(
    plan: Plan, make_seen: MakeSeen
) -> None:
    calm, wild = (
        analyse(msgspec.structs.replace(plan, deviation=deviation), make_seen(), DUE)
        for deviation in (1.0, 100.0)
    )
    assert calm.detectable == wild.detectable == pytest.approx(5 * 2.8 * 2 / 2000**0.5, rel=0.1)


def test_what_ends_early_is_told_apart(plan: Plan, make_seen: MakeSeen) -> None:
    assert analyse(plan, make_seen(failures=2), EARLIER).ends_early
    assert analyse(plan, make_seen(lost=0.3), EARLIER).ends_early
    assert not analyse(plan, make_seen(), EARLIER).ends_early
    assert not analyse(plan, make_seen(failures=2), DUE).ends_early


@pytest.mark.parametrize(("lower_is_better", "value"), [(True, 1.5), (False, -1.5)])
def test_a_worse_metric_is_worse_whichever_way_is_better(
    plan: Plan, make_seen: MakeSeen, lower_is_better: bool, value: float
) -> None:
    directed = msgspec.structs.replace(plan, lower_is_better=lower_is_better)
    assert analyse(directed, make_seen(value=value), DUE).is_worse
    assert not analyse(directed, make_seen(value=-value), DUE).is_worse


def test_a_challenger_that_answers_nothing_ends_it_at_once(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(failures=10), EARLIER)
    assert [(one.name, one.state) for one in analysis.guardrails] == [("failures", "worse")]
    assert analysis.verdict == "keep"


def test_a_guardrail_that_cannot_be_judged_is_open(plan: Plan, make_seen: MakeSeen) -> None:
    seen = make_seen(value=-1.5)
    unjudged = seen._replace(units=seen.units.with_columns(answered=pl.lit(0)))
    analysis = analyse(plan, unjudged, DUE)
    assert analysis.verdict == "inconclusive"
    assert "not sure that slow" in analysis.why


def test_the_verdict_says_how_much_of_the_plan_there_was(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(60)._replace(days=12), DUE)
    assert "60 units with an outcome, 788 were planned" in analysis.why
    assert "both arms were asked on 12 of 14 days" in analysis.why


def test_units_in_a_wrong_arm_are_found_by_their_pseudonyms(
    plan: Plan, make_seen: MakeSeen
) -> None:
    seen = make_seen()
    other = pl.when(pl.col("arm") == CONTROL).then(pl.lit(CHALLENGER)).otherwise(pl.lit(CONTROL))
    swapped = pl.when(pl.int_range(pl.len()) < 3).then(other).otherwise("arm")
    wrong = seen._replace(units=seen.units.with_columns(arm=swapped))
    analysis = analyse(plan, wrong, DUE)
    assert (analysis.verdict, analysis.sound.wrongly_assigned) == ("invalid", 3)


def test_guardrails_are_looked_at_before_any_outcome_is_known(
    plan: Plan, make_seen: MakeSeen
) -> None:
    seen = make_seen(failures=2)
    zero = pl.lit(0)
    none = dict.fromkeys(("due", "found", "labelled", "value", "brier"), zero)
    early = seen._replace(units=seen.units.with_columns(**none))
    analysis = analyse(plan, early, EARLIER)
    assert [one.name for one in analysis.guardrails] == ["failures", "slow"]
    assert analysis.verdict == "keep"


def test_it_can_be_written_as_json(plan: Plan, make_seen: MakeSeen) -> None:
    analysis = analyse(plan, make_seen(), DUE)
    assert msgspec.json.decode(msgspec.json.encode(analysis), type=Analysis) == analysis
