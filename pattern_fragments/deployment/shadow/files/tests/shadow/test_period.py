"""A verdict belongs to days that were fixed beforehand, and comes when they are over."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from __package__.settings import Settings
from __package__.shadow.comparison import Comparison, compare
from __package__.shadow.window import Window, fixed, in_time

from .conftest import Logs

WEEKS = Window(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 15, tzinfo=UTC))
FIXED = Settings(
    shadow_period="2013-07-01/2013-07-14", shadow_candidate="candidate", outcome_delay_h=24
)
OVER = WEEKS.until + timedelta(hours=24)


def test_the_last_day_belongs_to_the_period() -> None:
    assert fixed(FIXED) == WEEKS
    assert fixed(Settings(shadow_period="2013-07-01/2013-07-01")) == Window(
        WEEKS.since, WEEKS.since + timedelta(days=1)
    )


@pytest.mark.parametrize("text", ["2013-07-01", "2013-07-14/2013-07-01", "July/August"])
def test_what_is_no_period_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=f"SERVICE_SHADOW_PERIOD={text} is no first and last day"):
        fixed(Settings(shadow_period=text))


def test_the_verdict_comes_when_the_outcomes_of_the_last_day_are_known() -> None:
    assert in_time(FIXED, WEEKS, "candidate", OVER).passed
    early = in_time(FIXED, WEEKS, "candidate", OVER - timedelta(seconds=1))
    assert not early.passed
    assert "2013-07-16 00:00 UTC" in early.says


def test_other_days_get_no_verdict() -> None:
    first_week = Window(WEEKS.since, WEEKS.since + timedelta(days=7))
    assert not in_time(FIXED, first_week, "candidate", OVER).passed
    assert not in_time(Settings(), WEEKS, "candidate", OVER).passed


def test_another_candidate_than_the_fixed_one_gets_no_verdict() -> None:
    assert "SERVICE_SHADOW_CANDIDATE" in in_time(FIXED, WEEKS, "next", OVER).says
    unnamed = FIXED.model_copy(update={"shadow_candidate": ""})
    assert not in_time(unnamed, WEEKS, "", OVER).passed


def test_a_candidate_that_agrees_is_not_fit_before_its_time(logs: Logs) -> None:
    champion = np.linspace(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion)
    assert judged(logs, OVER).verdict.fit
    early = judged(logs, WEEKS.until)
    assert [one.name for one in early.verdict.checks if not one.passed] == ["period"]


def test_few_days_are_not_enough(logs: Logs) -> None:
    champion = np.linspace(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion)
    found = judged(logs.with_settings(shadow_min_days=2), OVER)
    assert [one.name for one in found.verdict.checks if not one.passed] == ["days"]


def test_outcomes_that_come_after_the_verdict_do_not_change_it(logs: Logs) -> None:
    champion = np.linspace(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion)
    logs.outcomes(np.ones(400), told=OVER + timedelta(seconds=1))
    assert judged(logs, OVER).outcomes == 0
    logs.outcomes(np.ones(400), told=OVER)
    assert judged(logs, OVER).outcomes == 400


def test_the_next_candidate_does_not_take_the_place_of_the_one_that_is_judged(logs: Logs) -> None:
    champion = np.linspace(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion)
    after = WEEKS.until - WEEKS.since + timedelta(hours=6)
    logs.champion(champion[:10], first=1000, late=after)
    logs.candidate(champion[:10], first=1000, late=after, version="next")
    found = judged(logs, OVER)
    assert (found.candidate, found.rows, found.verdict.fit) == ("candidate", 400, True)


def test_fixed_days_on_which_the_candidate_was_not_there_count_against_it(logs: Logs) -> None:
    champion = np.linspace(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion[200:], first=200)
    found = judged(logs, OVER)
    assert (found.asked, found.coverage) == (400, 0.5)
    assert [one.name for one in found.verdict.checks if not one.passed] == ["coverage"]


def judged(logs: Logs, now: datetime) -> Comparison:
    fix = {name: getattr(FIXED, name) for name in ("shadow_period", "shadow_candidate")}
    settings = logs.with_settings(**fix, outcome_delay_h=24).settings
    name = settings.shadow_candidate
    period = in_time(settings, WEEKS, name, now)
    return compare(settings, WEEKS, period, candidate=name).comparison
