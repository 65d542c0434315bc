"""The versions that a rehearsal plays with."""

import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from __package__ import train
from __package__.domain import data
from __package__.model_folder import ModelFolder
from __package__.period import Period
from __package__.rehearsal.answers import expected_of
from __package__.rehearsal.models import (
    Models,
    end_of_test,
    periods,
    prepare,
)
from __package__.rehearsal.traffic import Traffic

pytestmark = pytest.mark.slow


def test_champion_and_candidate_learn_from_halves_and_are_tested_until_the_same_day() -> None:
    whole = Period(*(datetime(2013, 1, day, tzinfo=UTC) for day in (1, 11, 21)))
    champion, candidate = periods(whole)
    assert (champion.start, champion.split) == (whole.start, datetime(2013, 1, 6, tzinfo=UTC))
    assert (candidate.start, candidate.split) == (champion.split, whole.split)
    assert champion.end == candidate.end == datetime(2013, 1, 16, tzinfo=UTC)


def test_each_version_has_a_complete_folder_and_a_name_of_its_own(models: Models) -> None:
    versions = [ModelFolder(path).read_signature().version for path in models]
    assert len(set(versions)) == 3
    assert versions[2] == f"{versions[1]}-bad"
    names = [sorted(path.name for path in folder.iterdir()) for folder in models]
    assert names[0] == names[1] == names[2]


def test_the_bad_model_answers_as_the_candidate_to_other_columns(
    models: Models, traffic: Traffic
) -> None:
    candidate, bad = (expected_of(path, traffic) for path in (models.candidate, models.bad))
    assert candidate.shape == bad.shape
    assert np.isfinite(bad).all()
    assert np.abs(candidate - bad).mean() > 0.05


def test_what_is_trained_is_kept_and_what_is_missing_is_made(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = models.champion.parents[2]
    before = ModelFolder(models.bad).model.read_bytes()
    shutil.rmtree(models.bad)
    assert prepare(folder, small=True) == models
    assert ModelFolder(models.bad).model.read_bytes() == before
    assert "training" not in capsys.readouterr().err


def test_a_model_of_another_period_is_trained_anew(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.SMALL_PERIOD
    shorter = Period(whole.start, whole.split, end_of_test(models.candidate))
    monkeypatch.setattr(data, "SMALL_PERIOD", shorter)
    trained: list[Period] = []
    monkeypatch.setattr(train, "train", lambda *told, **_: trained.append(told[1]))
    prepare(models.champion.parents[2], small=True)
    assert trained == list(periods(shorter))
