"""Callers keep their rate, and every answer is judged."""

import argparse
import time
from pathlib import Path

import pytest

from __package__.rehearsal.answers import Answer, expected_of, judge
from __package__.rehearsal.load import Load, given_number
from __package__.rehearsal.models import Models
from __package__.rehearsal.processes import Faults, Server
from __package__.rehearsal.traffic import Traffic

pytestmark = pytest.mark.slow


def asked(server: Server, traffic: Traffic, rate_per_s: float, seconds: float) -> list[Answer]:
    with Load(server.url, traffic, rate_per_s) as load:
        time.sleep(seconds)
    return load.answers


def test_all_are_answered_as_the_model_of_the_version_says(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    with Server(models.candidate, tmp_path / "log") as server:
        answers = asked(server, traffic, rate_per_s=50, seconds=1)
    judged = judge(answers, {server.version: expected_of(models.candidate, traffic)})
    assert judged.answered == len(answers) > 30
    assert (judged.refused, judged.lost, judged.wrong) == (0, 0, 0)
    assert len({answer.prediction_id for answer in answers}) == len(answers)


def test_an_answer_of_another_model_than_it_names_is_wrong(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    with Server(models.bad, tmp_path / "log") as server:
        answers = asked(server, traffic, rate_per_s=20, seconds=0.5)
    judged = judge(answers, {server.version: expected_of(models.candidate, traffic)})
    assert judged.wrong > judged.answered / 2
    assert judge(answers, {}).wrong == judged.answered


def test_a_slow_answer_does_not_slow_the_sending_and_a_lost_one_is_counted(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    faults = Faults(delay_s=0.2, fail_share=0.5, crash_after=4)
    with Server(models.champion, tmp_path / "log", faults) as server:
        answers = asked(server, traffic, rate_per_s=20, seconds=1)
    judged = judge(answers, {server.version: expected_of(models.champion, traffic)})
    assert (judged.answered, judged.refused) == (2, 2)
    assert judged.lost == len(answers) - 4 > 10


@pytest.mark.parametrize("text", ["-3", "0", "nan", "inf", "fast"])
def test_a_rate_or_a_time_that_cannot_be_is_refused_before_anything_starts(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number above 0, not"):
        given_number(text)
