"""The rehearsal of a shadow tells what callers and the report have seen."""

import argparse
import json
from pathlib import Path

import pytest

from __package__.rehearsal.models import Models
from __package__.rehearsal.traffic import Traffic
from __package__.rehearse import main, play

pytestmark = pytest.mark.slow


def test_callers_do_not_notice_a_candidate_that_hangs_and_it_is_not_fit(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    options = argparse.Namespace(seconds=3.0, rate=40.0)
    played = play("hangs", models, traffic, tmp_path / "hangs", options)
    assert played.as_expected
    assert int(str(played.row["answered"])) > 100
    assert [played.row[name] for name in ("refused", "lost", "wrong")] == [0, 0, 0]
    outcome = json.loads((tmp_path / "hangs" / "outcome.json").read_text())
    assert outcome["promoted"] is False
    assert "nothing could be compared" in outcome["why"]


def test_an_unknown_candidate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--candidate", "perfect"])
    assert "'good', 'bad', 'hangs', 'fails', 'crashes'" in capsys.readouterr().err
