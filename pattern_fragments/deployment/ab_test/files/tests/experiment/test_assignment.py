"""The same unit always gets the same arm, and the arms have their shares."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare, kstest

from __package__.experiment.assignment import (
    ARMS,
    CHALLENGER,
    CONTROL,
    Assignment,
)

UNITS = [f"unit-{number}".encode() for number in range(20_000)]


def arms(assignment: Assignment) -> list[str]:
    return [assignment.arm(assignment.pseudonym(unit)) for unit in UNITS]


def test_a_unit_stays_in_its_arm_in_every_process() -> None:
    assert arms(Assignment("salt", 0.5)) == arms(Assignment("salt", 0.5))
    # Written down once: an upgrade that moves units would end every experiment.
    assert arms(Assignment("salt", 0.5))[:6] == KNOWN


KNOWN = [CONTROL, CHALLENGER, CHALLENGER, CONTROL, CONTROL, CHALLENGER]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_the_challenger_gets_its_share(share: float) -> None:
    count = arms(Assignment("salt", share)).count(CHALLENGER)
    expected = [share * len(UNITS), (1 - share) * len(UNITS)]
    assert chisquare([count, len(UNITS) - count], expected).pvalue > 0.001


def test_who_is_in_a_small_share_is_in_a_larger_one() -> None:
    small, large = (arms(Assignment("salt", share)) for share in (0.1, 0.5))
    assert all(
        later == CHALLENGER
        for first, later in zip(small, large, strict=True)
        if first == CHALLENGER
    )


def test_another_salt_splits_anew() -> None:
    first, second = (arms(Assignment(salt, 0.5)) for salt in ("one", "two"))
    pairs = list(zip(first, second, strict=True))
    table = [[pairs.count((a, b)) for a in ARMS] for b in ARMS]
    assert chi2_contingency(table).pvalue > 0.001


def test_pseudonyms_are_uniform_and_do_not_show_the_unit() -> None:
    assignment = Assignment("salt", 0.5)
    names = [assignment.pseudonym(unit) for unit in UNITS]
    assert len(set(names)) == len(UNITS)
    assert kstest(np.array([int(name[:8], 16) for name in names]) / 16**8, "uniform").pvalue > 0.001
    assert assignment.pseudonym(b"alice") != Assignment("other", 0.5).pseudonym(b"alice")
