"""From two logs to a verdict."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from __package__.prediction_log.rows import is_sampled
from __package__.shadow.comparison import Comparison, compare
from __package__.shadow.window import Window, as_rehearsed

from .conftest import START, UNTIL, Logs

ROWS = 400
DAY = Window(START, UNTIL)
TEN_DAYS = Window(START, START + timedelta(days=10))
SIX_MINUTES = timedelta(minutes=6)


@pytest.fixture
def champion(random: np.random.Generator) -> np.ndarray:
    return random.uniform(0, 1, ROWS)


def compared(logs: Logs, share: float = 1.0, window: Window = DAY) -> Comparison:
    return compare(logs.settings, window, as_rehearsed(), share).comparison


def failed(found: Comparison) -> list[str]:
    return [check.name for check in found.verdict.checks if not check.passed]


def test_a_candidate_that_agrees_is_fit(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    logs.candidate(champion + 0.01)
    found = compared(logs)
    assert (found.champion, found.candidate, found.rows) == ("champion", "candidate", ROWS)
    assert found.coverage == 1
    assert found.verdict.fit


def test_predictions_are_joined_by_their_id_and_not_by_their_time(
    logs: Logs, champion: np.ndarray
) -> None:
    logs.champion(champion)
    logs.candidate(champion, late=timedelta(hours=5))
    assert compared(logs).agreement.differing_share == 0


def test_what_the_champion_predicted_late_and_knew_more_of_is_left_out(
    logs: Logs, champion: np.ndarray
) -> None:
    logs.champion(champion[:200])
    logs.champion(champion[200:], first=200, late=timedelta(hours=1))
    logs.candidate(champion)
    found = compared(logs)
    assert (found.rows, found.late, found.coverage) == (200, 200, 1)
    assert "200 with which the champion came late" in found.verdict.why


def test_one_that_says_something_else_is_not(
    logs: Logs, champion: np.ndarray, random: np.random.Generator
) -> None:
    logs.champion(champion)
    logs.candidate(random.permutation(champion))
    assert failed(compared(logs)) == ["differing_share", "rank_correlation"]


def test_one_that_always_says_the_same_is_not(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    logs.candidate(np.full(ROWS, 0.5))
    found = compared(logs)
    assert "rank_correlation" in failed(found)
    assert "cannot be computed" in found.verdict.why


def test_few_rows_are_not_enough(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion[:99])
    logs.candidate(champion[:99])
    assert failed(compared(logs)) == ["rows"]


def test_one_that_stops_answering_is_not_fit(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    logs.candidate(champion[:200])
    found = compared(logs)
    assert failed(found) == ["coverage"]
    assert found.coverage == 0.5


def test_what_was_asked_before_the_candidate_was_there_does_not_count(
    logs: Logs, champion: np.ndarray
) -> None:
    logs.champion(champion)
    logs.candidate(champion[200:], first=200)
    assert compared(logs).coverage == 1


def test_a_candidate_that_skips_what_the_champion_does_not_know_is_not_fit(
    logs: Logs, champion: np.ndarray
) -> None:
    logs.champion(champion, segments=["A", None])
    for row in range(0, ROWS, 2):
        logs.candidate(champion[row : row + 1], first=row)
    assert failed(compared(logs)) == ["coverage"]


def test_of_a_sample_the_share_has_to_be_told(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    for row in range(ROWS):
        if is_sampled(f"id-{row}", 0.5):
            logs.candidate(champion[row : row + 1], first=row)
    assert compared(logs, share=0.5).coverage == 1
    assert compared(logs).coverage < 0.6


def test_a_candidate_that_has_predicted_nothing_of_the_champion_s_is_none(
    logs: Logs, champion: np.ndarray
) -> None:
    logs.champion(champion)
    logs.candidate(champion)
    logs.candidate(champion[:10], first=10_000, version="next")
    assert compared(logs).candidate == "candidate"


def test_of_several_candidates_the_newest_counts(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    logs.candidate(1 - champion[:200], version="older")
    logs.candidate(champion[200:], first=200, version="newer")
    found = compared(logs)
    assert (found.candidate, found.rows) == ("newer", 200)
    older = compare(logs.settings, DAY, as_rehearsed(), candidate="older").comparison
    assert older.agreement.rank_correlation == pytest.approx(-1)


def test_enough_outcomes_decide_instead_of_agreement(
    logs: Logs, random: np.random.Generator
) -> None:
    labels = (random.uniform(0, 1, 2000) < 0.5).astype(float)
    blind, seeing = random.uniform(0, 1, 2000), 0.1 + 0.8 * labels
    logs.champion(blind, every=SIX_MINUTES)
    logs.candidate(seeing, every=SIX_MINUTES)
    assert not compared(logs, window=TEN_DAYS).verdict.fit
    logs.outcomes(labels)
    found = compared(logs, window=TEN_DAYS)
    assert found.known is not None
    assert found.known.days == 9
    assert found.known.squared_error.high < 0
    assert found.verdict.fit


def test_a_candidate_that_agrees_and_is_worse_by_outcomes_is_not_fit(
    logs: Logs, random: np.random.Generator
) -> None:
    labels = (random.uniform(0, 1, 2000) < 0.5).astype(float)
    champion = 0.3 + 0.4 * labels + random.uniform(-0.1, 0.1, 2000)
    logs.champion(champion, every=SIX_MINUTES)
    logs.candidate(champion - 0.09 * (2 * labels - 1), every=SIX_MINUTES)
    assert compared(logs, window=TEN_DAYS).verdict.fit
    logs.outcomes(labels)
    assert failed(compared(logs, window=TEN_DAYS)) == ["loss_increase"]


def test_outcomes_of_too_few_days_do_not_decide(logs: Logs, random: np.random.Generator) -> None:
    labels = (random.uniform(0, 1, 2000) < 0.5).astype(float)
    logs.champion(labels)
    logs.candidate(labels)
    logs.outcomes(labels)
    found = compared(logs)
    assert (found.outcomes, found.known) == (2000, None)


def test_outcomes_that_come_before_the_others_do_not_count(logs: Logs) -> None:
    now = datetime.now(UTC)
    recent = np.full(200, 0.5)
    logs.champion(recent, late=now - START - timedelta(hours=1))
    logs.candidate(recent, late=now - START - timedelta(hours=1))
    logs.outcomes(np.ones(200), told=now)
    window = Window(now - timedelta(hours=2), now + timedelta(hours=1))
    assert compared(logs, window=window).outcomes == 0
    assert compared(logs.with_settings(outcome_delay_h=0), window=window).outcomes == 200


def test_logs_without_a_common_id_are_a_sentence(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    logs.candidate(champion, first=10_000)
    with pytest.raises(ValueError, match="did both score the same"):
        compared(logs)


def test_a_log_that_is_not_there_is_a_sentence(logs: Logs, champion: np.ndarray) -> None:
    logs.champion(champion)
    with pytest.raises(FileNotFoundError, match="holds no predictions"):
        compared(logs)
