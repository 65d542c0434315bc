"""What must not become worse while an experiment runs."""

from typing import Literal

import msgspec
import polars as pl

from .assignment import CHALLENGER, CONTROL
from .compare import Excess, Sums, excess_of_means, excess_of_shares, holm
from .metric import Margins
from .plan import Plan

SLOW_S = 0.05
"""A model that takes longer for a request is slow: the objective of the service's latency."""

State = Literal["fine", "worse", "open"]


class Guardrail(msgspec.Struct, frozen=True):
    """How one of them stands.

    `fine`: surely not worse by the margin. `worse`: surely worse by more. `open`: neither yet.
    """

    name: str
    state: State
    compared: Excess
    p_beyond_corrected: float


def judge(units: pl.DataFrame, plan: Plan) -> list[Guardrail]:
    """Those that can be judged by now, of the units as `units.table` has them.

    To ship, each must be fine: no correction is needed where all have to pass (Berger, 1982). One
    that is worse ends the experiment: there the correction is for all of them, and for each look.
    """
    compared = _compared(units, plan.guardrails)
    if not compared:
        return []
    corrected = holm([one.p_beyond for one in compared.values()])
    beyond = plan.guardrail_alpha / plan.looks
    return [
        Guardrail(name, _state(one, p_beyond, plan.guardrail_alpha, beyond), one, p_beyond)
        for (name, one), p_beyond in zip(compared.items(), corrected, strict=True)
    ]


def _state(one: Excess, p_beyond: float, within: float, beyond: float) -> State:
    if p_beyond < beyond:
        return "worse"
    return "fine" if one.p_within < within else "open"


def _compared(units: pl.DataFrame, margins: Margins) -> dict[str, Excess]:
    arms = [units.filter(pl.col("arm") == arm) for arm in (CONTROL, CHALLENGER)]
    found = {}
    for name, of, margin in (
        ("failures", "asked", margins.failures),
        ("slow", "answered", margins.slow),
    ):
        ours, theirs = (sums_of(arm, name, of) for arm in arms)
        if len(ours.counts) and len(theirs.counts):
            found[name] = excess_of_shares(ours, theirs, margin)
    ours, theirs = (sums_of(arm, "brier", "labelled") for arm in arms)
    if min(len(ours.counts), len(theirs.counts)) > 1:
        found["brier"] = excess_of_means(ours, theirs, margins.brier)
    return found


def sums_of(units: pl.DataFrame, column: str, of: str) -> Sums:
    """The sums of a column over what `of` counts; units that have none of it are left out."""
    some = units.filter(pl.col(of) > 0)
    return Sums(some[column].cast(pl.Float64).to_numpy(), some[of].cast(pl.Float64).to_numpy())
