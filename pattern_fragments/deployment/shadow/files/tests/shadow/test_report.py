"""The command, its report and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from __package__.shadow.__main__ import FAILED, NOT_FIT, main

from .conftest import Logs

DAY = "2013-07-01/2013-07-01"


@pytest.fixture
def output(logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("prediction_log", "shadow_log", "outcomes", "shadow_min_rows", "shadow_min_days"):
        monkeypatch.setenv(f"SERVICE_{name.upper()}", str(getattr(logs.settings, name)))
    monkeypatch.setenv("SERVICE_SHADOW_PERIOD", DAY)
    monkeypatch.setenv("SERVICE_SHADOW_CANDIDATE", "candidate")
    return tmp_path / "report"


def report(output: Path, *arguments: str) -> int:
    return main(["report", "--output", str(output), *arguments])


def test_a_fit_candidate_is_told_by_the_exit_code_the_page_and_the_figures(
    logs: Logs, output: Path, random: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    champion = random.uniform(0, 1, 400)
    logs.champion(champion)
    logs.candidate(champion)
    assert report(output) == 0
    assert "fit to promote" in capsys.readouterr().out
    page = (output / "report.html").read_text()
    assert "Fit to promote by agreement alone" in page
    assert page.count("<svg") == 5
    assert 'src="' not in page
    assert 'href="http' not in page
    figures = json.loads((output / "report.json").read_text())
    assert figures["verdict"]["fit"] is True
    assert figures["agreement"]["rows"] == 400


def test_another_is_told_with_the_reason(
    logs: Logs, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.champion(np.linspace(0, 1, 400))
    logs.candidate(np.linspace(1, 0, 400))
    assert report(output) == NOT_FIT
    assert "FAILED  the rank correlation is -1.00" in capsys.readouterr().out
    assert "Not fit to promote" in (output / "report.html").read_text()


def test_other_days_and_moments_can_be_looked_at_without_a_verdict(
    logs: Logs, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.champion(np.linspace(0, 1, 400))
    logs.candidate(np.linspace(0, 1, 400))
    moments = ["--from", "2013-07-01T00:01:00Z", "--to", "2013-07-01T00:05:00Z"]
    assert report(output, *moments) == NOT_FIT
    assert json.loads((output / "report.json").read_text())["rows"] == 240
    assert "FAILED  SERVICE_SHADOW_PERIOD does not name these days" in capsys.readouterr().out


def test_another_candidate_can_be_looked_at_without_a_verdict(
    logs: Logs, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.champion(np.linspace(0, 1, 400))
    logs.candidate(np.linspace(0, 1, 400), version="other")
    assert report(output, "--candidate", "other") == NOT_FIT
    assert "FAILED  SERVICE_SHADOW_CANDIDATE does not name it" in capsys.readouterr().out


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    ("period", "arguments", "says"),
    [
        ("", [], "SERVICE_SHADOW_PERIOD is empty"),
        (DAY, ["--from", "2013-07-01"], "--from and --to belong together"),
        ("2013-07-01", ["--from", "2013-07-01", "--to", "2013-07-02"], "no first and last day"),
    ],
)
def test_days_that_nobody_names_are_a_sentence(
    period: str,
    arguments: list[str],
    says: str,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SERVICE_SHADOW_PERIOD", period)
    assert report(output, *arguments) == FAILED
    assert says in capsys.readouterr().err


@pytest.mark.usefixtures("logs")
def test_without_logs_there_is_no_report(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(output) == FAILED
    assert capsys.readouterr().err.startswith("no report was written: ")
    assert not output.exists()


@pytest.mark.parametrize("wrong", ["yesterday", "2013-13-01"])
def test_what_is_no_day_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--from", wrong, "--to", "2013-07-01"])
    assert f"'{wrong}' is no day" in capsys.readouterr().err
