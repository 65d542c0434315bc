"""How many units an experiment needs, and what it can find with those it has."""

import math
from typing import Literal

from scipy.stats import norm
from statsmodels.stats.power import TTestIndPower

Alternative = Literal["two-sided", "larger"]


def units_needed(
    effect: float,
    deviation: float,
    *,
    alpha: float,
    power: float,
    share: float,
    alternative: Alternative = "two-sided",
) -> int:
    """Units of both arms together, so that an effect is found with this power.

    `deviation` is that between units, `share` the challenger's.
    """
    ratio = share / (1 - share)
    control = TTestIndPower().solve_power(
        effect_size=effect / deviation,
        alpha=alpha,
        power=power,
        ratio=ratio,
        alternative=alternative,
    )
    return math.ceil(float(control) * (1 + ratio))


def units_without_any(margin: float, *, alpha: float, share: float) -> int:
    """Units of both arms, so that a rare share surely is within a margin where it never came.

    As `compare.excess_of_shares` judges, where a unit meets it at all of its requests or at none.
    """
    challenger = float(norm.ppf(alpha)) ** 2 * (1 - margin) / margin
    return math.ceil(challenger / share)


def power_with(units: int, effect: float, deviation: float, *, alpha: float, share: float) -> float:
    """How often so many units find an effect."""
    found = TTestIndPower().power(
        effect_size=effect / deviation,
        nobs1=units * (1 - share),
        alpha=alpha,
        ratio=share / (1 - share),
    )
    return float(found)


def smallest_effect(
    units: int, deviation: float, *, alpha: float, power: float, share: float
) -> float:
    """The effect that so many units find with this power."""
    found = TTestIndPower().solve_power(
        nobs1=units * (1 - share), alpha=alpha, power=power, ratio=share / (1 - share)
    )
    return float(found) * deviation
