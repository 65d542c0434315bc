"""The command: which days, how it ends, what it says."""

import os
import shutil
import signal
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__ import score
from __package__.batch.versions import TRIAL
from __package__.domain import sample
from __package__.sample_input import main as write_sample_input
from __package__.score import main
from __package__.settings import Settings
from __package__.wiring import prepare_features

from .conftest import COMMAND, DAY, Run, environment, published, read

NEXT = DAY + timedelta(days=1)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("root_logger", "signals")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2013-07-01"], "--from and --to belong together"),
        (["--from", "2013-07-02", "--to", "2013-07-01"], "--from 2013-07-02 is after --to"),
        (["--from", "2013-07-01", "--to", "2013-07-01", "--date", "2013-07-01"], "--from and --to"),
        (["--rollback"], "--rollback goes with --date"),
        (["--date", "2013-07-01", "--rollback", "--trial"], "--rollback goes with --date"),
        (["--date", "2013-07-01", "--rollback", "--again"], "--rollback goes with --date"),
        (["--date", "2013-07-01", "--rollback", "--report"], "--rollback goes with --date"),
        (["--from", "2013-07-01", "--to", "2013-07-01", "--rollback"], "--rollback goes with"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == score.WRONG
    assert capsys.readouterr().err.startswith(f"cannot score: {message}")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "yesterday"])
def test_a_day_that_cannot_be_meant_is_refused(
    day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--date", day])
    assert ended.value.code == score.WRONG
    assert f"{day!r} is no day" in capsys.readouterr().err


def test_a_backfill_needs_a_place_for_the_day(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_INPUT", "in/rows.csv")
    assert main(["--from", "2013-07-01", "--to", "2013-07-02"]) == score.WRONG
    assert "SERVICE_INPUT=in/rows.csv is the same for every day" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVICE_INPUT", "", "SERVICE_INPUT: is empty"),
        ("SERVICE_OUTPUT", "", "SERVICE_OUTPUT: is empty"),
        ("SERVICE_INPUT", "in/{day}", "SERVICE_INPUT: nothing is put into {day}; the day is"),
        ("SERVICE_OUTPUT", "out/{date}", "SERVICE_OUTPUT: nothing is put into {date}; each day"),
    ],
)
def test_places_that_make_no_sense_are_refused(
    name: str,
    value: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["--date", "2013-07-01"]) == score.WRONG
    assert capsys.readouterr().err.startswith(f"cannot score: {message}")


@pytest.fixture
def daily(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of this process: each day's input is a folder of its own, of three days."""
    monkeypatch.setattr(sample, "DAYS", (DAY, NEXT, NEXT + timedelta(days=1)))
    daily = settings.model_copy(update={"input": str(tmp_path / "in" / "date={date}")})
    given(daily, monkeypatch)
    return daily


def given(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find these settings in this process."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)


def test_a_backfill_scores_the_days_and_later_only_what_changed(
    daily: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_sample_input() == 0
    assert main(["--from", str(DAY), "--to", str(max(sample.DAYS))]) == 0
    assert read(daily.output)["model_version"].n_unique() == 1
    manifests = sorted(daily.output.glob("date=*/manifest.json"))
    assert [path.parent.name for path in manifests] == [f"date={day}" for day in sample.DAYS]
    inodes = [path.stat().st_ino for path in manifests]
    shutil.rmtree(tmp_path / "in" / f"date={NEXT}")
    capsys.readouterr()
    assert main(["--from", str(DAY), "--to", str(NEXT)]) == score.FAILED
    assert capsys.readouterr().err.startswith(f"{NEXT} was not published: ")
    assert [path.stat().st_ino for path in manifests] == inodes


@pytest.mark.usefixtures("daily")
def test_days_are_tried_again_while_one_of_them_may_be_mended_by_it(
    tmp_path: Path, rows: pl.DataFrame
) -> None:
    (tmp_path / "in" / f"date={DAY}").mkdir(parents=True)
    bad = rows.with_columns(origin=pl.lit("ZZZ"))
    bad.write_parquet(tmp_path / "in" / f"date={DAY}" / "rows.parquet")
    assert main(["--date", str(DAY)]) == score.TOO_MANY_BAD_ROWS
    assert main(["--from", str(DAY), "--to", str(NEXT)]) == score.FAILED


@pytest.mark.usefixtures("day_input")
def test_a_trial_scores_a_part_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(settings, monkeypatch)
    assert main(["--date", str(DAY), "--trial"]) == 0
    assert f'"scored":{settings.rows_per_part},' in capsys.readouterr().out
    assert list(settings.output.iterdir()) == []


@pytest.mark.usefixtures("day_input")
def test_a_rollback_to_nothing_is_not_worth_another_try(
    run: Run,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(settings, monkeypatch)
    assert main(["--date", str(DAY), "--rollback"]) == score.WRONG
    assert capsys.readouterr().err.endswith("is not published\n")
    run()
    assert main(["--date", str(DAY), "--rollback"]) == score.WRONG
    assert capsys.readouterr().err.startswith("cannot roll back: no version of ")


@pytest.mark.usefixtures("day_input")
def test_a_manifest_that_is_broken_is_mended_by_again_alone(
    run: Run,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(settings, monkeypatch)
    run()
    (published(settings.output) / "manifest.json").write_text("{")
    assert main(["--date", str(DAY)]) == score.WRONG
    assert capsys.readouterr().err.endswith(": score the day with --again\n")
    assert run(again=True).scored


def test_a_defect_keeps_no_other_day_from_being_scored(
    daily: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write_sample_input() == 0

    def defective(settings: Settings, folder: Path, moment: datetime) -> Settings:
        if moment.date() == DAY:
            raise OverflowError("a defect")
        return prepare_features(settings, folder, moment)

    module = "__package__.batch.run"
    monkeypatch.setattr(f"{module}.prepare_features", defective)
    assert main(["--from", str(DAY), "--to", str(NEXT)]) == score.FAILED
    assert [path.name for path in daily.output.glob("date=*")] == [f"date={NEXT}"]


def test_a_trial_fails_where_the_run_would(
    settings: Settings, day_input: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(settings, monkeypatch)
    rows.with_columns(origin=pl.lit("ZZZ")).write_parquet(day_input)
    assert main(["--date", str(DAY), "--trial"]) == score.TOO_MANY_BAD_ROWS
    assert list(settings.output.iterdir()) == []


@pytest.mark.usefixtures("day_input")
def test_a_run_removes_what_a_killed_trial_has_left(run: Run, settings: Settings) -> None:
    killed, at_work = settings.output / f"{TRIAL}old", settings.output / f"{TRIAL}new"
    for folder in (killed, at_work):
        (folder / ".versions").mkdir(parents=True)
    os.utime(killed, (0, 0))
    run()
    assert not killed.exists()
    assert at_work.exists()


@pytest.mark.usefixtures("day_input")
def test_told_to_end_it_ends_soon_and_what_is_done_stays(settings: Settings) -> None:
    small = settings.model_copy(update={"rows_per_part": 1, "workers": 1})
    process = subprocess.Popen(  # noqa: S603 - this package
        [*COMMAND, "--date", str(DAY)],
        env=environment(small),
        stderr=subprocess.PIPE,
        text=True,
    )
    records = small.output / ".versions" / f"date={DAY}"
    while not list(records.glob("*.partial/.records/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert said.startswith("ended by SIGTERM; what is done stays, and the next run without --again")
    assert list(records.glob("*.partial/.records/*.json"))
    assert not published(small.output).exists()


def test_a_setting_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MAX_QUARANTINED_SHARE", "2")
    assert main(["--date", "2013-07-01"]) == score.WRONG
    assert capsys.readouterr().err.startswith("cannot score: SERVICE_MAX_QUARANTINED_SHARE: ")
