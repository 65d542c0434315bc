"""What is said of how many calls a release needs."""

import numpy as np
import pytest

from __package__.canary.analysis import Verdict
from __package__.canary.manifests import read_limits, read_weights
from __package__.canary.simulate import release

pytestmark = pytest.mark.slow


def promoted(calls: int, failing: float, distance: float) -> float:
    random = np.random.default_rng(0)
    ended = [
        release(read_weights(), read_limits(), calls, failing, distance, random) for _ in range(100)
    ]
    assert Verdict.FAILED not in ended
    return ended.count(Verdict.SUCCESSFUL) / len(ended)


@pytest.mark.parametrize(
    ("calls", "failing", "distance", "least", "most"),
    [
        (250, 0.0, 0.0, 0.0, 0.0),
        (1200, 0.001, 0.0, 0.9, 1.0),
        (1200, 0.01, 0.0, 0.0, 0.6),
        (1200, 0.0, 0.2, 0.0, 0.6),
        (6000, 0.01, 0.1, 0.9, 1.0),
    ],
)
def test_a_good_version_is_promoted_where_calls_are_many_and_failures_few(
    calls: int, failing: float, distance: float, least: float, most: float
) -> None:
    assert least <= promoted(calls, failing, distance) <= most
