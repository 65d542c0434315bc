"""The canary is stopped when it surely is worse, goes on when it surely is not, and only then."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.canary.analysis import (
    Limits,
    Measurement,
    Verdict,
    measure,
    verdict_of,
)
from __package__.canary.figures import Figures
from __package__.canary.manifests import read_limits

LIMITS = replace(
    read_limits(),
    enough=300,
    errors_tolerated=0.01,
    refused_tolerated=0.02,
    slow_tolerated=0.05,
    distance_tolerated=0.25,
)
SUCCESSFUL, FAILED, INCONCLUSIVE = Verdict.SUCCESSFUL, Verdict.FAILED, Verdict.INCONCLUSIVE


BOUNDS = (*(n / 20 for n in range(1, 20)), inf)


def cumulative(shares: Sequence[float], rows: float = 1) -> dict[float, float]:
    return dict(zip(BOUNDS, (share * rows for share in shares), strict=True))


def figures(
    asked: float,
    failed: float = 0,
    slow: float = 0,
    shift: float = 0.0,
    refused: float = 0,
    restarts: float = 0,
) -> Figures:
    """A version whose predictions are spread evenly over 0 to 1, `shift` of them moved to 1."""
    answered = asked - failed
    values = cumulative([*(n / 20 * (1 - shift) for n in range(1, 20)), 1.0], answered)
    return Figures(answered, failed, refused, slow, values, restarts)


STABLE = figures(5000, failed=5, slow=50, refused=10)


def verdicts(canary: Figures, stable: Figures = STABLE) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in measure(canary, stable, LIMITS)}


def test_a_canary_like_the_stable_version_succeeds() -> None:
    assert set(verdicts(figures(1000, failed=1, slow=10, refused=2)).values()) == {SUCCESSFUL}


@pytest.mark.parametrize(
    ("canary", "name"),
    [
        (figures(500, failed=25), "errors"),
        (figures(500, slow=75), "slow"),
        (figures(500, refused=50), "refused"),
        (figures(500, restarts=1), "restarts"),
        (figures(500, shift=0.45), "distance"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_canary_that_is_worse_in_one_figure_fails_by_it(canary: Figures, name: str) -> None:
    found = verdicts(canary)
    assert [each for each in found if found[each] is FAILED] == [name]


def test_below_enough_calls_nothing_is_decided() -> None:
    for canary, stable in (
        (figures(299, failed=200, slow=90), STABLE),
        (figures(1000), figures(0)),
    ):
        found = verdicts(canary, stable)
        assert found.pop("restarts") is SUCCESSFUL
        assert set(found.values()) == {INCONCLUSIVE}


def test_what_is_refused_is_compared_and_does_not_count_as_answered_or_failed() -> None:
    """Sixty in a hundred calls of the same callers do not fit the new signature."""
    found = verdicts(figures(1200, refused=1800))
    assert found.pop("refused") is FAILED
    assert set(found.values()) == {SUCCESSFUL}


def test_a_restart_that_the_stable_version_has_as_well_is_not_the_canary_s() -> None:
    found = verdicts(figures(1000, restarts=1), replace(STABLE, restarts=1))
    assert found["restarts"] is SUCCESSFUL


@pytest.mark.parametrize(
    ("canary", "stable"),
    [
        ({0.1: 1.0, 0.2: 1.0, inf: 1.0}, {0.3: 0.2, 0.4: 0.8, inf: 1.0}),
        ({0.3: 0.2, 0.4: 0.8, inf: 1.0}, {0.3: 0.2, 0.4: 0.8, 0.5: 0.9, inf: 1.0}),
        (cumulative([1.0] * 20), cumulative([1.0] * 20)),
        (cumulative([0.0] * 19 + [1.0]), cumulative([0.0] * 19 + [1.0])),
        (cumulative([0.5] + [1.0] * 19), cumulative([0.5] + [1.0] * 19)),
        ({inf: 1.0}, {inf: 1.0}),
    ],
    ids=[
        "no bound in common",
        "other bounds",
        "a rare event: all below the first bound",
        "all beyond the last bound",
        "one bound alone splits them",
        "no bounds",
    ],
)
def test_a_distance_of_histograms_that_say_nothing_is_none(
    canary: Mapping[float, float], stable: Mapping[float, float]
) -> None:
    one, other = (
        replace(STABLE, values={bound: 1000 * share for bound, share in values.items()})
        for values in (canary, stable)
    )
    assert verdicts(one, other)["distance"] is INCONCLUSIVE


def test_no_failure_among_few_is_not_taken_for_never() -> None:
    few, many = (verdicts(figures(n))["errors"] for n in (500, 1000))
    assert (few, many) == (INCONCLUSIVE, SUCCESSFUL)


def test_a_difference_just_at_what_is_tolerated_is_not_decided() -> None:
    at_the_limit = figures(2000, failed=22)
    assert verdicts(at_the_limit)["errors"] is INCONCLUSIVE


def test_margins_are_the_difference_beyond_what_is_tolerated_in_margins_of_error() -> None:
    measured = measure(figures(1000, failed=30, shift=0.5), STABLE, LIMITS)
    [errors, distance] = [one for one in measured if one.name in {"errors", "distance"}]
    margin = 2.576 * np.sqrt((6 / 5000 + 0.01) / 1000 + 6 / 5000**2)
    assert errors.margins == pytest.approx((0.03 - 0.001 - 0.01) / margin)
    assert distance.difference == pytest.approx(0.475)
    margin = 1.628 * np.sqrt(1 / 970 + 1 / 4995)
    assert distance.margins == pytest.approx((0.475 - 0.25) / margin)


RUNS = 20_000


def simulated(
    name: str, asked: int, base: float, excess: float, tried: Limits = LIMITS
) -> dict[Verdict, float]:
    """How often each verdict on shares comes out; the stable version gets four times the calls."""
    random = np.random.default_rng(0)
    bad_ones = random.binomial(asked, base + excess, RUNS)
    before = random.binomial(4 * asked, base, RUNS)
    shares = dict.fromkeys(Verdict, 0.0)
    for (bad, bad_before), times in Counter(
        zip(bad_ones.tolist(), before.tolist(), strict=True)
    ).items():
        canary, stable = (
            {
                "errors": Figures(answered=calls - some, failed=some),
                "refused": Figures(answered=calls - some, refused=some),
                "slow": Figures(answered=calls, slow=some),
            }[name]
            for calls, some in ((asked, bad), (4 * asked, bad_before))
        )
        [found] = [one for one in measure(canary, stable, tried) if one.name == name]
        shares[found.verdict] += times / RUNS
    return shares


def tolerated(name: str) -> float:
    return float(getattr(LIMITS, f"{name}_tolerated"))


shares = pytest.mark.parametrize("name", ["errors", "refused", "slow"])
sizes = pytest.mark.parametrize("asked", [300, 1800])
bases = pytest.mark.parametrize("base", [0.0, 0.02])


@shares
@sizes
@bases
def test_at_the_limit_a_step_hardly_ever_passes_by_chance(
    name: str, asked: int, base: float
) -> None:
    assert simulated(name, asked, base, excess=tolerated(name))[SUCCESSFUL] <= 0.006


@shares
@sizes
@bases
def test_equal_versions_are_hardly_ever_stopped(name: str, asked: int, base: float) -> None:
    assert simulated(name, asked, base, excess=0)[FAILED] <= 0.001


def test_twelve_hundred_calls_find_a_version_that_fails_1_in_20() -> None:
    assert simulated("errors", 1200, 0.001, excess=0.05)[FAILED] >= 0.95


def test_how_often_a_good_version_passes_depends_on_what_fails_anyway() -> None:
    """Where one call in a hundred fails, twelve hundred calls do not tell a good version."""
    passed = [simulated("errors", 1200, base, excess=0)[SUCCESSFUL] for base in (0.001, 0.01)]
    assert passed[0] >= 0.95
    assert passed[1] <= 0.7


@pytest.mark.parametrize("rows", [300, 1200])
def test_predictions_of_one_kind_are_hardly_ever_too_far_and_at_the_limit_hardly_ever_near(
    rows: int,
) -> None:
    random = np.random.default_rng(0)
    even = np.full(20, 0.05)
    moved = np.append(even[:15], [0.0] * 4 + [0.25])  # 0.2 away
    limits = replace(LIMITS, distance_tolerated=0.2)

    def drawn(shape: NDArray[np.float64], calls: int) -> Figures:
        counts = np.cumsum(random.multinomial(calls, shape))
        return Figures(answered=calls, values=cumulative(counts.tolist()))

    def verdict(shape: NDArray[np.float64], tried: Limits) -> Verdict:
        return measure(drawn(shape, rows), drawn(even, 4 * rows), tried)[-1].verdict

    assert [verdict(even, LIMITS) for _ in range(1000)].count(FAILED) == 0
    assert [verdict(moved, limits) for _ in range(1000)].count(SUCCESSFUL) <= 10


def one(margins: float | None) -> Measurement:
    return Measurement("errors", margins=margins)


@pytest.mark.parametrize(
    ("margins", "verdict"),
    [
        ([-2.0, -2.0, -1.1], SUCCESSFUL),
        ([-2.0, None, 1.1], FAILED),
        ([-2.0, -2.0, None], INCONCLUSIVE),
        ([-2.0, -2.0, -1.0], INCONCLUSIVE),
        ([-2.0, -2.0, 1.0], INCONCLUSIVE),
        ([float("nan")], INCONCLUSIVE),
    ],
)
def test_a_step_fails_by_one_figure_and_succeeds_by_all(
    margins: list[float | None], verdict: Verdict
) -> None:
    assert verdict_of([one(each) for each in margins]) is verdict
