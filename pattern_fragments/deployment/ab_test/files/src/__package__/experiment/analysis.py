"""What an experiment says, by the rules of its plan and no others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from .assignment import ARMS, CHALLENGER, CONTROL, Assignment
from .compare import Difference, Sums, alike, difference, sample_ratio
from .guardrails import Guardrail, judge, sums_of
from .plan import Plan
from .power import smallest_effect
from .units import Seen

SOUND_ALPHA = 0.001
"""Below it the arms differ in what they should be alike in: something is lost in one of them. It is
divided by the number of looks."""

LEAST_SHARE = 0.8
"""With less of the outcomes that are due, or of the days, nothing is concluded."""

Verdict = Literal["running", "invalid", "keep", "ship", "inconclusive"]


class Sound(msgspec.Struct, frozen=True):
    """Whether the experiment ran as planned; if not, none of its figures means anything."""

    sample_ratio_p: float
    """Of the split of the units."""
    found_p: float
    """Of as many predictions being in the prediction log, of both arms."""
    labelled_p: float
    """Of as many of those having an outcome."""
    wrongly_assigned: int
    """Units whose arm is not the one of the plan, or that were in both."""
    alpha: float
    """Of each of the three."""

    @property
    def trouble(self) -> str:
        """What speaks against it; empty if nothing does."""
        if self.wrongly_assigned:
            return f"{self.wrongly_assigned:,} units were not in the arm of the plan"
        for p_value, what in (
            (self.sample_ratio_p, "the arms are not split as planned (sample ratio mismatch"),
            (self.found_p, "the prediction log lacks more of one arm than of the other (coverage"),
            (self.labelled_p, "more outcomes are missing in one arm than in the other (coverage"),
        ):
            if p_value < self.alpha:
                return f"{what}, p = {p_value:.1g})"
        return ""


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an experiment at a moment."""

    plan: Plan
    as_of: datetime
    """The look. Before `plan.due` the metric is not judged, and not shown."""
    verdict: Verdict
    why: str
    units: Mapping[str, int]
    requests: Mapping[str, int]
    due: Mapping[str, int]
    """Predictions whose outcome is due."""
    found: Mapping[str, int]
    """Those of them that are in the prediction log."""
    labelled: Mapping[str, int]
    """Those of these that have an outcome."""
    days: int
    """On so many days both arms were asked."""
    sound: Sound
    guardrails: list[Guardrail]
    metric: Difference | None = None
    detectable: float | None = None
    """The effect that as many units as there are, as different as they are, find with the planned
    power."""

    @property
    def ends_early(self) -> bool:
        """Whether the experiment is to be ended before its horizon."""
        return self.as_of < self.plan.due and self.verdict != "running"

    @property
    def is_worse(self) -> bool:
        """Whether the challenger was shown to be worse, in a guardrail or in the metric."""
        found = self.metric
        lower = self.plan.lower_is_better
        is_worse = found is not None and found.as_loss(lower_is_better=lower)[0] > 0
        return is_worse or any(one.state == "worse" for one in self.guardrails)


def analyse(plan: Plan, seen: Seen, moment: datetime) -> Analysis:
    """Judge what was seen by the newest look before a moment.

    Raises ValueError when it is too early for a look.
    """
    as_of = plan.look(moment)
    if as_of is None:
        raise ValueError(f"the first look is a day after {plan.start:%Y-%m-%d %H:%M} UTC")
    units = seen.units
    by_arm = {arm: units.filter(pl.col("arm") == arm) for arm in ARMS}
    control, challenger = (by_arm[arm] for arm in (CONTROL, CHALLENGER))
    number = {arm: len(some) for arm, some in by_arm.items()}
    sound = Sound(
        sample_ratio(number, plan.shares),
        _alike(control, challenger, "found", "due"),
        _alike(control, challenger, "labelled", "found"),
        _wrongly_assigned(plan, units),
        SOUND_ALPHA / plan.looks,
    )
    guardrails = judge(units, plan)
    lacks = _lacks(plan, seen)
    metric = detectable = None
    if as_of >= plan.due and not sound.trouble and not lacks:
        ours, theirs = (sums_of(arm, "value", "labelled") for arm in (control, challenger))
        if min(len(ours.counts), len(theirs.counts)) > 1:
            metric = difference(ours, theirs, plan.alpha)
            detectable = _detectable(plan, ours, theirs)

    def total(column: str) -> Mapping[str, int]:
        return {arm: int(some[column].sum()) for arm, some in by_arm.items()}

    verdict, why = _verdict(plan, sound, guardrails, metric, lacks, as_of)
    if as_of >= plan.due:
        why += (
            f"; {units.filter(pl.col('labelled') > 0).height:,} units with an outcome,"
            f" {plan.units:,} were planned; {_share_known(units):.0%} of the predictions are"
            f" logged and have their outcome; both arms were asked on {seen.days} of"
            f" {plan.days:g} days"
        )
    return Analysis(
        plan=plan,
        as_of=as_of,
        verdict=verdict,
        why=why,
        units=number,
        requests=total("asked"),
        due=total("due"),
        found=total("found"),
        labelled=total("labelled"),
        days=seen.days,
        sound=sound,
        guardrails=guardrails,
        metric=metric,
        detectable=detectable,
    )


def _share_known(units: pl.DataFrame) -> float:
    """Of the predictions whose outcome is due, those that are logged and have it."""
    due = int(units["due"].sum())
    return int(units["labelled"].sum()) / due if due else 0.0


def _lacks(plan: Plan, seen: Seen) -> str:
    """What there is too little of to conclude anything; empty if nothing."""
    if (share := _share_known(seen.units)) < LEAST_SHARE:
        return (
            f"only {share:.0%} of the predictions are logged and have their outcome, and"
            f" {LEAST_SHARE:.0%} are asked"
        )
    if seen.days < LEAST_SHARE * plan.asked_days:
        return (
            f"both arms were asked on {seen.days} days only, and in the past somebody asked on"
            f" {plan.asked_days}"
        )
    return ""


def _detectable(plan: Plan, control: Sums, challenger: Sums) -> float:
    variances = [arm.of_units.var(ddof=1) for arm in (control, challenger)]
    return smallest_effect(
        len(control.counts) + len(challenger.counts),
        float(np.sqrt(np.mean(variances))),
        alpha=plan.alpha,
        power=plan.power,
        share=plan.share,
    )


def _alike(control: pl.DataFrame, challenger: pl.DataFrame, column: str, of: str) -> float:
    ours, theirs = sums_of(control, column, of), sums_of(challenger, column, of)
    return alike(ours, theirs) if len(ours.counts) and len(theirs.counts) else 1.0


def _wrongly_assigned(plan: Plan, units: pl.DataFrame) -> int:
    assignment = Assignment(plan.salt, plan.share)
    wrong = [
        unit for unit, arm in units.select("unit", "arm").iter_rows() if assignment.arm(unit) != arm
    ]
    return len(set(wrong))


def _verdict(
    plan: Plan,
    sound: Sound,
    guardrails: list[Guardrail],
    metric: Difference | None,
    lacks: str,
    as_of: datetime,
) -> tuple[Verdict, str]:
    if sound.trouble:
        return "invalid", f"{sound.trouble}: end the experiment, nothing can be concluded from it"
    worse = [one for one in guardrails if one.state == "worse"]
    if worse:
        names = " and ".join(
            f"{one.name} ({one.compared.excess:+.3g}, {one.compared.margin:g} is allowed)"
            for one in worse
        )
        return "keep", f"the challenger is surely worse in {names}: end the experiment"
    if as_of < plan.due:
        return "running", (
            f"{plan.metric} is judged from {plan.due:%Y-%m-%d %H:%M} UTC on, and not before:"
            " whoever stops at the first difference finds one where there is none"
        )
    if lacks:
        return "inconclusive", lacks
    if metric is None:
        return "inconclusive", "there are too few outcomes to compare"
    return _judged(plan, guardrails, metric)


def _judged(plan: Plan, guardrails: list[Guardrail], metric: Difference) -> tuple[Verdict, str]:
    found = (
        f"{plan.metric} differs by {metric.difference:+.3g} {plan.unit}"
        f" ({1 - plan.alpha:.0%} interval {metric.low:.3g} to {metric.high:.3g};"
        f" {'lower' if plan.lower_is_better else 'higher'} is better)"
    )
    low, high = metric.as_loss(lower_is_better=plan.lower_is_better)
    if low > 0:
        return "keep", f"{found}: the challenger is worse"
    fine = {one.name for one in guardrails if one.state == "fine"}
    is_open = [name for name in plan.guardrails.__struct_fields__ if name not in fine]
    if high < 0:
        if is_open:
            return "inconclusive", (
                f"{found}: the challenger is better, but it is not sure that"
                f" {' and '.join(is_open)} did not become worse"
            )
        return "ship", f"{found}: the challenger is better, and no guardrail became worse"
    if low > -plan.effect:
        return "keep", (
            f"{found}: no difference is shown, and a gain of {plan.effect:g}, which the experiment"
            " was made to find, can be ruled out"
        )
    return "inconclusive", (
        f"{found}: no difference is shown, and none is ruled out that would be worth having"
    )
