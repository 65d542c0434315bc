"""On simulated truth the plan keeps what it promises; whoever peeks does not."""

import msgspec
import pytest

from __package__.domain.experiment import MARGINS
from __package__.experiment.power import smallest_effect
from __package__.experiment.simulate import Simulated, simulate

from .conftest import PLAN, past

pytestmark = pytest.mark.slow

UNITS, DAYS, RUNS = 600, 4, 800
SHORT_PLAN = msgspec.structs.replace(PLAN, days=float(DAYS))


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    before = past(UNITS, DAYS)
    there, sums = before.until(DAYS)
    units, deviation = int(there.sum()), float(sums.of_units.std(ddof=1))
    errors = float(before.errors_until(DAYS).of_units.std(ddof=1))
    terms = {"alpha": 0.05, "power": 0.9, "share": 0.5}
    # As large as so many units find; and of the Brier score what they are as sure of.
    effect = smallest_effect(units, deviation, **terms)
    margin = smallest_effect(units, errors, **(terms | {"alpha": 0.1}))
    margins = msgspec.structs.replace(MARGINS, brier=margin)
    plan = msgspec.structs.replace(SHORT_PLAN, effect=effect, guardrails=margins)
    return simulate(before, plan, RUNS, seed=1)


def test_without_an_effect_there_are_no_more_false_alarms_than_alpha(
    simulated: Simulated,
) -> None:
    assert simulated.no_effect.low <= 0.05 <= simulated.no_effect.high


def test_a_challenger_without_an_advantage_is_hardly_shipped(simulated: Simulated) -> None:
    assert simulated.shipped_in_vain.low <= 0.025


def test_a_planted_effect_is_found_and_shipped_with_the_planned_power(
    simulated: Simulated,
) -> None:
    assert simulated.planted.low <= 0.9 <= simulated.planted.high
    assert simulated.shipped.high >= 0.8
    assert simulated.shipped.share < simulated.planted.share


def test_whoever_stops_at_the_first_difference_finds_one_where_there_is_none(
    simulated: Simulated,
) -> None:
    assert simulated.peeking.low > 0.05


def test_the_past_must_be_as_long_as_the_experiment() -> None:
    with pytest.raises(ValueError, match="the plan takes 14 days, and the past has 7"):
        simulate(past(20, 7), PLAN, 1, 0)
