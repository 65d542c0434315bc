"""The command: what it writes, what it says, and when it fails."""

import re
from pathlib import Path

import polars as pl
import pytest

from __package__.model_folder import ModelFolder
from __package__.performance import summary
from __package__.performance.__main__ import main
from __package__.settings import Settings

from .conftest import WriteLog, outcomes_of

ARGUMENTS = ["--from", "2013-07-01", "--to", "2013-07-14", "--as-of", "2013-08-01"]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def labelled(write_log: WriteLog, tmp_path: Path) -> None:
    (tmp_path / "outcomes").mkdir()
    outcomes_of(write_log()).write_parquet(tmp_path / "outcomes" / "a.parquet")


@pytest.mark.usefixtures("labelled")
def test_it_writes_the_figures_of_each_window_and_of_the_recent_days(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    table = summary.read(settings.performance_summary)
    aucs = table.filter(pl.col("figure") == "roc_auc")
    assert aucs["window"].to_list() == ["week", "week", "recent"]
    told = capsys.readouterr()
    assert "ROC AUC 0.8" in told.out
    assert "week    2013-07-08         700 predictions" in told.err


@pytest.mark.usefixtures("labelled")
def test_the_report_needs_nothing_beside_it(
    model_folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(model_folder.path))
    page = tmp_path / "report.html"
    assert main([*ARGUMENTS, "--html", str(page)]) == 0
    text = page.read_text()
    used = re.findall(r'(?:src|href)="([^"]*)"', text) + re.findall(r"url\(([^)]*)\)", text)
    assert all(name.startswith("#") for name in used)
    assert "<script" not in text
    assert "width=device-width" in text
    plots = text.split("<svg")[1:]
    assert len(plots) >= 6
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("labelled")
def test_a_look_at_another_log_does_not_change_what_the_service_shows(
    settings: Settings, tmp_path: Path
) -> None:
    log = str(tmp_path / "log")
    assert main([*ARGUMENTS, "--log", log]) == 0
    assert not Path(settings.performance_summary).exists()
    assert main([*ARGUMENTS, "--log", log, "--summary", str(tmp_path / "other.parquet")]) == 0
    assert (tmp_path / "other.parquet").exists()


def test_that_no_outcome_is_known_yet_is_an_answer(
    write_log: WriteLog, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log()
    assert main(ARGUMENTS) == 0
    assert "1,400 predictions, and of none" in capsys.readouterr().out
    assert "roc_auc" not in summary.read(settings.performance_summary)["figure"]


def test_that_nothing_was_predicted_is_an_answer(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGUMENTS) == 0
    assert "nothing was predicted in that time" in capsys.readouterr().out
    assert len(summary.read(settings.performance_summary)) == 1


def test_another_log_has_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*ARGUMENTS, "--log", str(tmp_path / "nowhere")])
    assert f"--log: there is no folder {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_outcomes_that_are_wrong_leave_the_old_figures(
    write_log: WriteLog,
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_log()
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "a.csv").write_text("id,label\n1,1\n")
    assert main(ARGUMENTS) == 1
    assert "performance is not known: " in capsys.readouterr().err
    assert not Path(settings.performance_summary).exists()


@pytest.mark.parametrize("name", ["PREDICTION_LOG", "OUTCOMES", "PERFORMANCE_SUMMARY"])
def test_a_place_that_is_empty_is_said_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"SERVICE_{name}", "")
    assert main(ARGUMENTS) == 1
    assert f"SERVICE_{name}: is empty" in capsys.readouterr().err
