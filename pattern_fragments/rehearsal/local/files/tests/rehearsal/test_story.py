"""What a rehearsal leaves behind."""

import time
from pathlib import Path

import msgspec
import pytest

from __package__.rehearsal.answers import Answer, Judged
from __package__.rehearsal.story import Story

pytestmark = pytest.mark.slow


def test_a_story_is_told_at_once_and_written_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(tmp_path / "good", "A rehearsal")
    story.step("the old version serves")
    assert "the old version serves" in capsys.readouterr().out
    story.outcome(promoted=True, why="it is as good")
    now = time.monotonic()
    answers = [Answer(row, now + row / 10, 0.002, 200, "v1", 0.5, "id") for row in range(20)]
    answers.append(Answer(20, now + 1, 10.0, status=0))
    judged = Judged(answered=20, refused=0, lost=1, wrong=0)
    story.write(answers, [{"version": "v1", "answers": 20}], judged)

    outcome = msgspec.json.decode((tmp_path / "good/outcome.json").read_bytes())
    assert (outcome["promoted"], outcome["why"]) == (True, "it is as good")
    assert outcome["counts"] == {"answered": 20, "refused": 0, "lost": 1, "wrong": 0}
    assert outcome["steps"][0]["text"] == "the old version serves"
    report = (tmp_path / "good/report.md").read_text()
    assert "**promoted**: it is as good" in report
    assert "| v1 | 20 |" in report
    plot = (tmp_path / "good/plot.svg").read_text()
    assert "v1" in plot
    assert "no answer" in plot


def test_a_story_without_traffic_has_no_plot(tmp_path: Path) -> None:
    story = Story(tmp_path, "A rehearsal without callers")
    story.outcome(promoted=False, why="it differs")
    story.write([], [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outcome.json", "report.md"]


def test_an_end_may_be_neither_promoted_nor_not(tmp_path: Path) -> None:
    story = Story(tmp_path, "A rehearsal")
    story.outcome(promoted=False, why="too few calls", verdict="waits for a person")
    story.write([], [])
    assert "**waits for a person**: too few calls" in (tmp_path / "report.md").read_text()
    assert b'"verdict": "waits for a person"' in (tmp_path / "outcome.json").read_bytes()


def test_a_story_without_an_outcome_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no outcome"):
        Story(tmp_path, "A rehearsal").write([], [])
