"""How often a release of a good version ends how, by chance alone.

    python -m __package__.canary.simulate

Both versions are equally good. What differs from row to row is how many calls the canary gets in
the first step, what fails anyway, and how far the predictions of the two lie apart.
"""

import argparse
import sys
from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from .analysis import Limits, Verdict, measure, verdict_of
from .figures import Figures
from .manifests import read_limits, read_weights

CALLS = (600, 1_200, 3_000, 6_000)
FAILING = (0.0, 0.001, 0.003, 0.01)
DISTANCES = (0.0, 0.1, 0.2)
SLOW = 0.01
BUCKETS = 20
RELEASES = 300


def release(
    weights: Sequence[int],
    limits: Limits,
    calls: int,
    failing: float,
    distance: float,
    random: np.random.Generator,
) -> Verdict:
    """The verdict of the last step of one release, whose first step has so many calls."""
    together = 100 * calls / weights[0]
    even = np.full(BUCKETS, 1 / BUCKETS)
    half = BUCKETS // 2
    moved = even + np.where(np.arange(BUCKETS) < half, 1, -1) * distance / half
    verdict = Verdict.SUCCESSFUL
    for weight in weights:
        canary, stable = (
            _figures(int(together * share / 100), failing, shape, random)
            for share, shape in ((weight, moved), (100 - weight, even))
        )
        verdict = verdict_of(measure(canary, stable, limits))
        if verdict is not Verdict.SUCCESSFUL:
            break
    return verdict


def _figures(
    calls: int, failing: float, shape: NDArray[np.float64], random: np.random.Generator
) -> Figures:
    failed = random.binomial(calls, failing)
    answered = calls - failed
    below = np.cumsum(random.multinomial(answered, shape)).tolist()
    bounds = [*range(1, BUCKETS), inf]
    return Figures(
        answered=answered,
        failed=failed,
        slow=random.binomial(answered, SLOW),
        values=dict(zip(bounds, below, strict=True)),
    )


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(
        prog="python -m __package__.canary.simulate",
        description="How often a release of a good version ends how, by chance alone.",
    ).parse_args()
    weights, limits = read_weights(), read_limits()
    say = sys.stdout.write
    say("| calls in the first step | fail anyway | distance | promoted | waits | goes back |\n")
    say("|--:|--:|--:|--:|--:|--:|\n")
    for calls in CALLS:
        for failing in FAILING:
            for distance in DISTANCES:
                random = np.random.default_rng(0)
                ended = [
                    release(weights, limits, calls, failing, distance, random)
                    for _ in range(RELEASES)
                ]
                shares = [
                    f"{ended.count(verdict) / RELEASES:.0%}"
                    for verdict in (Verdict.SUCCESSFUL, Verdict.INCONCLUSIVE, Verdict.FAILED)
                ]
                row = [f"{calls:,}", f"{failing:.1%}", f"{distance:g}", *shares]
                say(f"| {' | '.join(row)} |\n")


if __name__ == "__main__":
    main()
