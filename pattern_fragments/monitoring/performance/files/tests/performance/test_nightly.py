"""A run computes the figures when it ends, and no failure of that is one of the run."""

import logging
from pathlib import Path

import pytest

from __package__.performance import summary
from __package__.performance.nightly import summarising
from __package__.settings import Settings


def test_the_summary_is_there_when_the_run_has_ended(settings: Settings) -> None:
    summarising(settings)()
    assert summary.read(settings.performance_summary)["figure"].to_list() == [
        "computed_timestamp_seconds"
    ]


def test_outcomes_that_are_wrong_fail_no_run(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "a.csv").write_text("id\n1\n")
    with caplog.at_level(logging.WARNING):
        summarising(settings)()
    assert "performance is not known: " in caplog.text
    assert not Path(settings.performance_summary).exists()
