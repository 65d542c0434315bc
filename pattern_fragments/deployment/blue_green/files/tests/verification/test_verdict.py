"""What speaks against a new version, each in one sentence."""

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.settings import Settings
from __package__.verification.asking import Asked
from __package__.verification.verdict import judge

ROWS = 200
VALUES = np.linspace(0.05, 0.6, ROWS)


def asked(version: str, values: NDArray[np.float64], latency_s: float = 0.002) -> Asked:
    predictions = dict(enumerate(values.tolist()))
    return Asked("http://x", {version}, predictions, [latency_s] * len(predictions))


def why_not(preview: Asked, **limits: float) -> str:
    settings = Settings.model_validate(limits)
    return judge(asked("v1", VALUES), preview, ROWS, "v2", settings).why_not


def test_a_version_that_agrees_and_is_in_time_passes() -> None:
    verdict = judge(asked("v1", VALUES), asked("v2", VALUES + 0.01), ROWS, "v2", Settings())
    assert verdict.passed
    assert len(verdict.findings) == 4


def test_a_version_that_leaves_a_row_unanswered_is_refused() -> None:
    preview = asked("v2", VALUES[:-1])
    preview.problem = "status 500"
    assert why_not(preview) == "the new version v2 did not answer 1 of 200 rows (status 500)"


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_version_may_refuse_a_row_of_a_hundred(refused: int) -> None:
    preview = asked("v2", VALUES)
    for row in range(refused):
        del preview.predictions[row]
        preview.refused.add(row)
    expected = "" if refused <= 2 else "the new version v2 refused 3 of 200 rows"
    assert why_not(preview) == expected


def test_a_version_that_answers_no_number_is_refused() -> None:
    assert "no number" in why_not(asked("v2", np.where(VALUES > 0.5, np.nan, VALUES)))


def test_an_active_version_that_does_not_answer_lets_nobody_pass() -> None:
    verdict = judge(Asked("http://x"), asked("v2", VALUES), ROWS, "v2", Settings())
    assert "the active version no version did not answer 200 of 200 rows" in verdict.why_not


def test_a_slow_version_is_refused_by_the_limit_of_the_settings() -> None:
    slow = asked("v2", VALUES, latency_s=0.08)
    assert why_not(slow).startswith("of version v2, 19 of 20 answers come within 80.0 ms")
    assert why_not(slow, verify_max_ms=90) == ""


def test_a_slow_active_version_makes_no_slow_one_pass() -> None:
    active, preview = asked("v1", VALUES, latency_s=1.0), asked("v2", VALUES, latency_s=0.08)
    assert "19 of 20" in judge(active, preview, ROWS, "v2", Settings()).why_not


@pytest.mark.parametrize(
    ("old", "new"),
    [({"v1"}, {"v1"}), ({"v1"}, {"v1", "v2"}), ({"v1", "v2"}, {"v2"}), ({"v1"}, {"v3"})],
    ids=["the old one twice", "both as the new one", "both as the old one", "a third one"],
)
def test_whoever_else_was_asked_lets_nobody_pass(old: set[str], new: set[str]) -> None:
    active, preview = asked("v1", VALUES), asked("v2", VALUES)
    active.versions, preview.versions = old, new
    why = judge(active, preview, ROWS, "v2", Settings()).why_not
    assert why.startswith("version v2 was to be asked beside one other, not ")


def test_predictions_that_lie_elsewhere_are_refused_by_the_limit_of_the_settings() -> None:
    moved = asked("v2", VALUES + 0.3)
    assert "lie 0.55 from those before" in why_not(moved)
    assert why_not(moved, verify_max_distance=0.6) == ""


def test_rows_in_another_order_are_refused_by_the_limit_of_the_settings() -> None:
    turned = asked("v2", VALUES[::-1])
    assert "agrees with that before to -1.00" in why_not(turned)
    assert why_not(turned, verify_min_agreement=-1) == ""


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_first_thing_that_is_against_it_is_the_reason(share: float) -> None:
    preview = asked("v2", VALUES * share, latency_s=1.0)
    assert "19 of 20 answers" in why_not(preview)
