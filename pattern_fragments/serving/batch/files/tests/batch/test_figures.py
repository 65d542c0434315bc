"""What a run reports when it ends, and which runs report at all."""

import signal
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__ import score
from __package__.batch import figures, run
from __package__.batch.manifest import PartRecord
from __package__.batch.part import PartResult
from __package__.gauges import Gauge
from __package__.observer import Observers
from __package__.score import main
from __package__.service import Service
from __package__.settings import Settings

from .conftest import DAY, contents, environment

NEXT = DAY + timedelta(days=1)
START = datetime.combine(DAY, time(), UTC).timestamp()
OWN = {
    "batch_rows",
    "batch_quarantined_rows",
    "batch_duration_seconds",
    "batch_failed",
    "batch_published_day_timestamp_seconds",
}

Reported = list[dict[str, float]]

pytestmark = pytest.mark.usefixtures("root_logger", "signals", "today_is_day")


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Reported:
    """The gauges of each report, as they were read when it was sent."""
    reports: Reported = []

    def keep(_settings: Settings, _observers: Observers, gauges: list[Gauge]) -> list[object]:
        plain = [gauge for gauge in gauges if not gauge.labels]
        return [
            lambda: reports.append(
                {gauge.name: value for gauge in plain for value in gauge.values().values()}
            )
        ]

    monkeypatch.setattr(figures, "build_reports", keep)
    return reports


@pytest.fixture
def today_is_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "today", lambda: DAY)


@pytest.fixture(autouse=True)
def daily(
    settings: Settings, tmp_path: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of this process: there is input for the day, and none for the next."""
    daily = settings.model_copy(update={"input": str(tmp_path / "in" / "date={date}")})
    for name, value in environment(daily).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in" / f"date={DAY}").mkdir(parents=True)
    rows.write_parquet(tmp_path / "in" / f"date={DAY}" / "rows.parquet")
    return daily


def test_the_run_of_today_reports_what_it_published(reported: Reported, rows: pl.DataFrame) -> None:
    assert main([]) == 0
    [report] = reported
    assert report.keys() >= OWN
    assert report["batch_rows"] == len(rows)
    assert report["batch_failed"] == 0
    assert report["batch_published_day_timestamp_seconds"] == START


def test_a_day_of_the_past_and_a_trial_report_nothing_unless_told_to(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--trial"]) == 0
    monkeypatch.setattr(score, "today", lambda: NEXT)
    assert main(["--date", str(DAY)]) == 0
    assert main(["--from", str(DAY), "--to", str(DAY)]) == 0
    assert reported == []
    assert main(["--from", str(DAY), "--to", str(DAY), "--report"]) == 0
    assert len(reported) == 1


def test_a_run_without_input_reports_its_failure_and_no_newer_day(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--date", str(DAY)]) == 0
    monkeypatch.setattr(score, "today", lambda: NEXT)
    assert main([]) == score.FAILED
    report = reported[-1]
    assert report["batch_failed"] == 1
    assert report["batch_rows"] == 0
    assert report["batch_published_day_timestamp_seconds"] == START


def test_a_run_that_scores_nothing_tells_of_what_is_published(
    reported: Reported, daily: Settings, rows: pl.DataFrame
) -> None:
    assert main([]) == main([]) == 0
    first, second = reported
    published = daily.output / f"date={DAY}"
    before = contents(published)
    # Other parts may have nothing to tell where nothing was scored.
    assert second.keys() >= {name for name in first if name.startswith(("batch_", "feature_"))}
    assert second["batch_rows"] == first["batch_rows"] == len(rows)
    # The age of the features that were used, where there are any.
    assert second.get("feature_age_seconds") == first.get("feature_age_seconds")
    assert contents(published) == before


def test_features_that_cannot_be_read_any_more_fail_no_run_that_scores_nothing(
    reported: Reported, daily: Settings
) -> None:
    assert main([]) == 0
    for path in (daily.output / f"date={DAY}" / "features").glob("*"):
        path.write_text("{")
    assert main([]) == 0
    assert reported[-1].keys() >= OWN


def test_no_day_is_published_yet(reported: Reported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "today", lambda: NEXT)
    assert main([]) == score.FAILED
    assert reported[-1]["batch_published_day_timestamp_seconds"] == 0


@pytest.mark.parametrize("name", ["2013-06-30.bak", "2013-06"])
def test_a_folder_that_is_named_for_no_day_is_no_published_day(
    name: str, reported: Reported, daily: Settings
) -> None:
    (daily.output / f"date={name}").mkdir(parents=True)
    assert main([]) == 0
    [report] = reported
    assert report["batch_published_day_timestamp_seconds"] == START


def test_a_run_that_is_told_to_end_has_not_failed(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*_arguments: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run, "run_day", told)
    assert main([]) == 128 + signal.SIGTERM
    assert reported == []


def test_a_run_without_a_model_reports_that_it_failed(
    reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(tmp_path / "none"))
    assert main([]) == score.FAILED
    [report] = reported
    assert report.keys() == OWN
    assert report["batch_failed"] == 1


def test_a_report_that_fails_is_logged_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object) -> list[object]:
        raise ValueError("no way out")

    monkeypatch.setattr(figures, "build_reports", refuse)
    assert main([]) == 0
    assert "the figures of the run were not reported: no way out" in capsys.readouterr().out


def test_a_trial_tells_no_observer_of_what_it_scores(service: Service) -> None:
    class Counting(Observers):
        told = 0

        def scored(self, _scored: object) -> None:
            self.told += 1

    record = PartRecord(
        name="part-00000", rows=1, scored=1, sha256="", quarantine_sha256=None, reasons={}
    )
    columns = service.scorer.encode_rows([service.signature.example])
    result = PartResult(record, service.scorer.score(columns))
    for is_trial, told in ((True, 0), (False, 1)):
        observers = Counting([])
        one = figures.Figures(service.settings, DAY, is_trial)
        one.watch(replace(service, observers=observers))
        one.tell(result)
        assert observers.told == told
