"""What a shell exports for production reaches nothing that is rehearsed."""

import os

import numpy as np
import pytest

from __package__.rehearsal.answers import expected_of
from __package__.rehearsal.environment import without_settings
from __package__.rehearsal.models import Models
from __package__.rehearsal.traffic import Traffic

pytestmark = pytest.mark.slow


def test_settings_stay_in_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", "production")
    found = without_settings()
    assert found["PATH"] == os.environ["PATH"]
    assert not [name for name in found if name.startswith("SERVICE_")]


def test_what_is_expected_of_a_model_does_not_depend_on_them(
    models: Models, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = expected_of(models.champion, traffic)
    monkeypatch.setenv("SERVICE_THREADS", "no number")
    monkeypatch.setenv("SERVICE_LOG_LEVEL", "no level")
    assert np.array_equal(expected_of(models.champion, traffic), expected, equal_nan=True)
