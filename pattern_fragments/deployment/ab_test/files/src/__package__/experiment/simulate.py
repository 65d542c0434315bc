"""The same assignment and the same test on the past, again and again, where the truth is known."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from .assignment import CHALLENGER, Assignment
from .compare import Difference, Sums, difference, excess_of_means, wilson
from .past import Past
from .plan import Plan


class Share(msgspec.Struct, frozen=True):
    """How many of the runs found a difference, with the 95 % interval of their share."""

    found: int
    runs: int
    share: float
    low: float
    high: float


class Simulated(msgspec.Struct, frozen=True):
    """What the plan's test does over many experiments."""

    no_effect: Share
    """Of experiments without any effect: false alarms."""
    planted: Share
    """Of experiments in which each prediction of the challenger is better by the planned effect."""
    shipped: Share
    """Those of these that also are sure that the Brier score, which is unchanged, is within its
    margin. The past holds neither failures nor slow answers."""
    shipped_in_vain: Share
    """The same of experiments without any effect."""
    peeking: Share
    """Of experiments without any effect that end at the first day with p below alpha."""


def simulate(
    past: Past, plan: Plan, runs: int, seed: int, tell: Callable[[int], None] = lambda _: None
) -> Simulated:
    """Run so many experiments on the past; each assigns the units anew.

    Raises ValueError when the past is shorter than the experiment.
    """
    days = int(plan.days)
    if past.days < days:
        raise ValueError(f"the plan takes {days} days, and the past has {past.days}")
    by_day = [past.until(day) for day in range(1, days + 1)]
    errors = past.errors_until(days)
    better = -plan.effect if plan.lower_is_better else plan.effect
    false_alarms = planted = shipped = in_vain = peeking = 0
    for run in range(runs):
        is_challenger = _assigned(past, Assignment(f"{seed}-{run}", plan.share))
        looks = [_judged(seen, is_challenger, plan) for seen in by_day]
        false_alarms += looks[-1].p_value < plan.alpha
        peeking += min(look.p_value for look in looks) < plan.alpha
        found = _judged(by_day[-1], is_challenger, plan, better)
        is_fine = _is_within(errors, is_challenger[by_day[-1][0]], plan)
        planted += _is_better(found, plan)
        shipped += _is_better(found, plan) and is_fine
        in_vain += _is_better(looks[-1], plan) and is_fine
        tell(run + 1)
    counted = (false_alarms, planted, shipped, in_vain, peeking)
    return Simulated(*(_share(found, runs) for found in counted))


def _assigned(past: Past, assignment: Assignment) -> NDArray[np.bool_]:
    arms = [assignment.arm(assignment.pseudonym(name.encode())) for name in past.units]
    return np.array([arm == CHALLENGER for arm in arms])


def _judged(
    seen: tuple[NDArray[np.bool_], Sums],
    is_challenger: NDArray[np.bool_],
    plan: Plan,
    effect: float = 0.0,
) -> Difference:
    """The plan's test, with an effect on each row of the challenger."""
    there, sums = seen
    theirs = is_challenger[there]
    values = sums.values + effect * sums.counts * theirs
    return difference(
        Sums(values[~theirs], sums.counts[~theirs]),
        Sums(values[theirs], sums.counts[theirs]),
        plan.alpha,
    )


def _is_better(found: Difference, plan: Plan) -> bool:
    return found.as_loss(lower_is_better=plan.lower_is_better)[1] < 0


def _is_within(errors: Sums, theirs: NDArray[np.bool_], plan: Plan) -> bool:
    """Whether the Brier score surely is within its margin."""
    control, challenger = (
        Sums(errors.values[some], errors.counts[some]) for some in (~theirs, theirs)
    )
    found = excess_of_means(control, challenger, plan.guardrails.brier)
    return found.p_within < plan.guardrail_alpha


def _share(found: int, runs: int) -> Share:
    return Share(found, runs, found / runs, *wilson(found, runs))
