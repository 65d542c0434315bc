"""The limits of the verification, tried on models of this domain."""

import pytest

from __package__.calibrate_verification import calibrate, main
from __package__.rehearsal.models import Models
from __package__.rehearsal.traffic import Traffic
from __package__.settings import Settings

pytestmark = pytest.mark.slow


def test_a_model_passes_against_itself_on_every_day(models: Models, traffic: Traffic) -> None:
    row = calibrate(models.champion, models.champion, traffic, Settings())
    assert row["days on which it passes"] == row["days"] == 2
    assert (row["distance, median"], row["agreement, median"]) == (0, pytest.approx(1))


def test_the_limits_of_the_settings_decide(models: Models, traffic: Traffic) -> None:
    for limits, days in ((Settings(verify_min_agreement=1), 0), (generous(), 2)):
        row = calibrate(models.champion, models.bad, traffic, limits)
        assert row["days on which it passes"] == days


def generous() -> Settings:
    return Settings(verify_max_distance=1, verify_min_agreement=-1)


def test_the_command_shows_a_good_and_a_bad_version(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = models.champion.parents[2]
    assert main(["--folder", str(folder), "--small", "--days", "1"]) == 0
    *_, good, bad = capsys.readouterr().out.splitlines()
    assert good.startswith("| champion | candidate | 1 |")
    assert bad.startswith("| champion | bad | 1 |")
