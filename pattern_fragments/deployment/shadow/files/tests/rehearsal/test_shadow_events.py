"""The rehearsal of a shadow of events plays two groups of one broker."""

import json
import shutil
from pathlib import Path

import pytest

from __package__.rehearsal.models import Models
from __package__.rehearsal.traffic import Traffic
from __package__.rehearse_events import broker_url, play

pytestmark = pytest.mark.slow


@pytest.mark.skipif(
    not shutil.which("redis-server"),
    reason="redis-server IS NOT INSTALLED: no shadow of events was rehearsed",
)
def test_a_bad_candidate_scores_every_event_publishes_none_and_is_not_fit(
    models: Models, traffic: Traffic, tmp_path: Path
) -> None:
    with broker_url(tmp_path) as url:
        played = play("bad", models, traffic, tmp_path / "bad", url)
    assert played.as_expected
    assert played.row["published"] == len(traffic)
    report = json.loads((tmp_path / "bad" / "report.json").read_text())
    assert report["coverage"] == 1
    assert report["verdict"]["fit"] is False
