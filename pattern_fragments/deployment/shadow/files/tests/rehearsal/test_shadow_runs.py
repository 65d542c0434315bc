"""The rehearsal of a shadow of runs plays real runs, and tells a bad candidate."""

import json
from pathlib import Path

import pytest

from __package__.rehearsal.models import Models
from __package__.rehearse_runs import play

pytestmark = pytest.mark.slow


def test_a_bad_candidate_scores_every_row_and_is_not_fit(models: Models, tmp_path: Path) -> None:
    played = play("bad", models, tmp_path / "bad", days=1)
    assert played.as_expected
    assert played.row["coverage"] == "100%"
    report = json.loads((tmp_path / "bad" / "report.json").read_text())
    assert report["candidate"].endswith("-bad")
    assert report["verdict"]["fit"] is False
    assert (tmp_path / "bad" / "report.html").exists()
