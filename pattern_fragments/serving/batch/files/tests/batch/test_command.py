"""The command: which days, how it ends, what it says."""

import os
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__ import score
from __package__.batch.versions import TRIAL
from __package__.domain import sample
from __package__.sample_input import main as write_sample_input
from __package__.score import main
from __package__.settings import Settings

from .conftest import COMMAND, DAY, Run, command, environment, published, read

NEXT = DAY + timedelta(days=1)

pytestmark = pytest.mark.usefixtures("root_logger", "signals")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2013-07-01"], "--from and --to belong together"),
        (["--from", "2013-07-02", "--to", "2013-07-01"], "--from 2013-07-02 is after --to"),
        (["--from", "2013-07-01", "--to", "2013-07-01", "--rollback"], "--from and --to go with"),
        (["--rollback"], "--rollback needs --date"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == score.WRONG
    assert capsys.readouterr().err.startswith(f"cannot score: {message}")


def test_a_backfill_needs_a_place_for_the_day(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_INPUT", "in/rows.csv")
    assert main(["--from", "2013-07-01", "--to", "2013-07-02"]) == score.WRONG
    assert "SERVICE_INPUT=in/rows.csv is the same for every day" in capsys.readouterr().err


def test_a_backfill_scores_the_days_and_later_only_what_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = settings.model_copy(update={"input": str(tmp_path / "in" / "date={date}")})
    monkeypatch.setenv("SERVICE_INPUT", daily.input)
    assert write_sample_input() == 0
    ended = command(daily, "--from", str(DAY), "--to", str(max(sample.DAYS)))
    assert ended.returncode == 0, ended.stderr
    assert read(daily.output)["model_version"].n_unique() == 1
    manifests = sorted(daily.output.glob("date=*/manifest.json"))
    assert [path.parent.name for path in manifests] == [f"date={day}" for day in sample.DAYS]
    inodes = [path.stat().st_ino for path in manifests]
    shutil.rmtree(tmp_path / "in" / f"date={NEXT}")
    ended = command(daily, "--from", str(DAY), "--to", str(NEXT))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{NEXT} was not published: ")
    assert [path.stat().st_ino for path in manifests] == inodes


def test_days_are_tried_again_while_one_of_them_may_be_mended_by_it(
    settings: Settings, tmp_path: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = settings.model_copy(update={"input": str(tmp_path / "in" / "date={date}")})
    for name, value in environment(daily).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in" / f"date={DAY}").mkdir(parents=True)
    bad = rows.with_columns(origin=pl.lit("ZZZ"))
    bad.write_parquet(tmp_path / "in" / f"date={DAY}" / "rows.parquet")
    assert main(["--date", str(DAY)]) == score.TOO_MANY_BAD_ROWS
    assert main(["--from", str(DAY), "--to", str(NEXT)]) == score.FAILED


@pytest.mark.usefixtures("day_input")
def test_a_trial_scores_a_part_and_leaves_nothing(settings: Settings) -> None:
    ended = command(settings, "--date", str(DAY), "--trial")
    assert ended.returncode == 0, ended.stderr
    assert f'"scored":{settings.rows_per_part},' in ended.stdout
    assert list(settings.output.iterdir()) == []


@pytest.mark.usefixtures("day_input")
def test_a_trial_fails_where_the_run_would(settings: Settings, day_input: Path) -> None:
    pl.read_parquet(day_input).with_columns(origin=pl.lit("ZZZ")).write_parquet(day_input)
    ended = command(settings, "--date", str(DAY), "--trial")
    assert ended.returncode == score.TOO_MANY_BAD_ROWS
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
    assert said == "ended by SIGTERM; what is done stays, and the next run goes on there\n"
    assert list(records.glob("*.partial/.records/*.json"))
    assert not published(small.output).exists()


def test_a_setting_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_MAX_QUARANTINED_SHARE", "2")
    assert main(["--date", "2013-07-01"]) == score.WRONG
    assert capsys.readouterr().err.startswith("cannot score: SERVICE_MAX_QUARANTINED_SHARE: ")
