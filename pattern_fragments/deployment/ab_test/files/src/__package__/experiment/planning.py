"""From the past to a plan: how many days an experiment must take."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from .metric import Margins, Metric
from .past import Past
from .plan import Plan
from .power import smallest_effect, units_needed, units_without_any

WEEK = 7
"""Whole weeks: weekdays differ."""

GUARDRAIL_ALPHA = 0.05


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever plans an experiment decides."""

    start: datetime
    effect: float
    alpha: float = 0.05
    power: float = 0.8
    share: float = 0.5
    outcome_delay_h: float = 24.0


class Needed(NamedTuple):
    """Units of both arms, by what they are needed for."""

    metric: int
    """To find the effect."""
    brier: int
    """To be sure that it is within its margin where it did not change."""
    shares: int
    """The same of failures and slow answers where none came."""


def needed(past: Past, days: int, terms: Terms, margins: Margins) -> Needed:
    """To ship, the metric must be found better and each guardrail be within its margin.

    The chance to miss is shared out to the two that are uncertain (Bonferroni), so both succeed
    with the planned power at least, however they depend on each other.
    """
    power = 1 - (1 - terms.power) / 2
    _, values = past.until(days)
    metric, brier = (float(sums.of_units.std(ddof=1)) for sums in (values, past.errors_until(days)))
    return Needed(
        units_needed(terms.effect, metric, alpha=terms.alpha, power=power, share=terms.share),
        units_needed(
            margins.brier,
            brier,
            alpha=GUARDRAIL_ALPHA,
            power=power,
            share=terms.share,
            alternative="larger",
        ),
        units_without_any(
            min(margins.failures, margins.slow), alpha=GUARDRAIL_ALPHA, share=terms.share
        ),
    )


def make_plan(
    past: Past,
    terms: Terms,
    versions: tuple[str, str],
    metric: Metric,
    margins: Margins,
    made_at: datetime,
    salt: str,
) -> Plan:
    """The shortest experiment of whole weeks that has units enough to ship.

    Its length, and the deviation between units, are those that the past shows. Raises ValueError
    when all days of the past together have too few units.
    """
    weeks = range(WEEK, past.days + 1, WEEK)
    if not weeks:
        raise ValueError(f"a plan needs a week of the past at least, not {past.days} days")
    for days in weeks:
        there, sums = past.until(days)
        units, wanted = int(there.sum()), needed(past, days, terms, margins)
        if units >= max(wanted):
            break
    else:
        raise ValueError(_too_few(past, days, terms, margins))
    return Plan(
        made_at=made_at,
        start=terms.start,
        control=versions[0],
        challenger=versions[1],
        salt=salt,
        share=terms.share,
        metric=metric.name,
        unit=metric.unit,
        lower_is_better=metric.lower_is_better,
        baseline=sums.mean,
        deviation=float(sums.of_units.std(ddof=1)),
        effect=terms.effect,
        alpha=terms.alpha,
        power=terms.power,
        units=max(wanted),
        days=float(days),
        asked_days=past.asked_days(days),
        outcome_delay_h=terms.outcome_delay_h,
        guardrails=margins,
        guardrail_alpha=GUARDRAIL_ALPHA,
    )


def _too_few(past: Past, days: int, terms: Terms, margins: Margins) -> str:
    there, sums = past.until(days)
    units, wanted = int(there.sum()), needed(past, days, terms, margins)
    reasons = []
    if wanted.metric > units:
        least = smallest_effect(
            units,
            float(sums.of_units.std(ddof=1)),
            alpha=terms.alpha,
            power=1 - (1 - terms.power) / 2,
            share=terms.share,
        )
        reasons.append(
            f"{wanted.metric:,} are needed for an effect of {terms.effect:g}: look for"
            f" {least:.3g} or more"
        )
    if wanted.brier > units:
        reasons.append(
            f"{wanted.brier:,} to be sure that brier is within {margins.brier:g}: allow more"
            " (domain/experiment.py)"
        )
    if wanted.shares > units:
        reasons.append(f"{wanted.shares:,} to be sure of failures and slow answers: allow more")
    return (
        f"in {days} days there are {units:,} units, and {', and '.join(reasons)};"
        " or plan on a longer past"
    )
