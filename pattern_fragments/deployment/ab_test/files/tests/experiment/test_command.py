"""From the past to a plan, from the logs to a report, by the command."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__.experiment import __main__ as command
from __package__.experiment.__main__ import END_IT, main
from __package__.experiment.analysis import Analysis, analyse
from __package__.experiment.assignment import Assignment
from __package__.experiment.exposures import Exposure, frame
from __package__.experiment.metric import Margins
from __package__.experiment.plan import Plan
from __package__.experiment.units import seen
from __package__.settings import Settings

from .conftest import SALT, START

UNITS, DAYS = 120, 14


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings for a command."""
    for name, value in settings.model_dump(exclude_unset=True).items():
        monkeypatch.setenv(f"SERVICE_{name.upper()}", str(value))


def write_logs(settings: Settings) -> Plan:
    """A prediction a day for each unit, its outcome a day later, and its exposure."""
    plan = Plan.read(settings.experiment_plan)
    random = np.random.default_rng(0)
    number = np.arange(UNITS * DAYS)
    times = [START + timedelta(days=int(n // UNITS), hours=6) for n in number]
    ids = [f"id{n}-0" for n in number]
    inputs = {
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "scheduled_departure": pl.Series(
            [START + timedelta(hours=7, minutes=int(n % UNITS)) for n in number],
            dtype=pl.Datetime("us", "UTC"),
        ),
    }
    log = pl.DataFrame(
        {
            "prediction_id": ids,
            "time": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
            "model_version": "x",
            "prediction": random.uniform(0, 1, len(ids)).astype(np.float32),
            "inputs": pl.DataFrame(inputs).to_struct(),
        }
    )
    add(log, settings.prediction_log)
    told = log.select("prediction_id", labelled_at=pl.col("time") + timedelta(days=1))
    label = pl.Series("label", (random.uniform(size=len(ids)) < 0.3).astype(np.float64))
    Path(settings.outcomes).mkdir()
    told.with_columns(label).write_parquet(f"{settings.outcomes}/told.parquet")
    shown = [
        exposure(plan, f"id{n}", str(n % UNITS), moment)
        for n, moment in zip(number.tolist(), times, strict=True)
    ]
    add(frame(shown), settings.exposure_log)
    return plan


def exposure(plan: Plan, name: str, unit: str, moment: datetime) -> Exposure:
    """A request of one row, assigned and named as the plan says."""
    assignment = Assignment(plan.salt, plan.share)
    pseudonym = assignment.pseudonym(unit.encode())
    arm = assignment.arm(pseudonym)
    return Exposure(name, plan.id, pseudonym, arm, plan.versions[arm], moment, 1, 0.001)


def add(rows: pl.DataFrame, where: str) -> None:
    dated = rows.with_columns(date=pl.col("time").dt.date())
    for (day,), some in dated.partition_by("date", include_key=False, as_dict=True).items():
        folder = Path(where) / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        some.write_parquet(folder / f"{len(list(folder.iterdir()))}-abc.parquet")


@pytest.mark.usefixtures("environment")
def test_the_past_gives_a_plan_and_simulations_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = Margins(failures=0.1, slow=0.1, brier=0.2)
    monkeypatch.setattr(command, "MARGINS", wide)
    plan = write_logs(settings)
    settings.experiment_plan.unlink()
    given = ["--log", settings.prediction_log, "--outcomes", settings.outcomes]
    given += ["--from", "2013-07-01", "--to", "2013-07-14"]
    assert main(["plan", "--effect", "8", *given]) == 0
    made = Plan.read(settings.experiment_plan)
    assert (made.control, made.challenger) == (plan.control, plan.challenger)
    assert made.days == 7
    assert made.start.timestamp() % 86_400 == 0
    assert timedelta(0) < made.start - datetime.now(UTC) <= timedelta(days=1)
    assert f"{made.units:,} units in 7 days" in capsys.readouterr().out
    assert main(["plan", "--effect", "8", *given]) == 1
    assert "a plan is not changed" in capsys.readouterr().err
    assert main(["simulate", "--runs", "20", *given]) == 0
    assert "no effect, found all the same: " in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
def test_the_logs_give_a_report_that_judges_only_at_the_end(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_logs(settings)
    output = tmp_path / "report"
    assert main(["analyse", "--as-of", "2013-07-10", "--output", str(output)]) == 0
    assert capsys.readouterr().out.startswith("running: cost is judged from 2013-07-16")
    assert json.loads((output / "analysis.json").read_text())["metric"] is None
    assert main(["analyse", "--as-of", "2013-07-17", "--output", str(output)]) == 0
    found = json.loads((output / "analysis.json").read_text())
    assert found["metric"]["low"] < found["metric"]["difference"] < found["metric"]["high"]
    assert sum(found["labelled"].values()) == UNITS * DAYS
    page = (output / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    assert SALT not in page.replace("salt of", "")
    assert '"salt": "salt"' not in (output / "analysis.json").read_text()


def looked(settings: Settings, moment: datetime, plan: Plan) -> Analysis:
    return analyse(plan, seen(settings, plan, moment), moment)


def test_what_comes_after_the_last_look_changes_nothing(settings: Settings) -> None:
    plan = write_logs(settings)
    # The outcomes of the last day come late.
    late = pl.read_parquet(f"{settings.outcomes}/told.parquet").with_columns(
        pl.when(pl.col("labelled_at") > START + timedelta(days=14))
        .then(START + timedelta(days=20))
        .otherwise("labelled_at")
        .alias("labelled_at")
    )
    late.write_parquet(f"{settings.outcomes}/told.parquet")
    first, again = (looked(settings, START + timedelta(days=day), plan) for day in (16, 40))
    assert first.metric is not None
    assert first == again


def test_early_outcomes_are_not_judged_before_those_of_their_day_are_due(
    settings: Settings,
) -> None:
    plan = write_logs(settings)
    found = looked(settings, START + timedelta(days=3, hours=12), plan)
    assert found.as_of == START + timedelta(days=3)
    assert sum(found.requests.values()) == 3 * UNITS
    assert sum(found.due.values()) == sum(found.labelled.values()) == 2 * UNITS
    waits = msgspec.structs.replace(plan, outcome_delay_h=48.0)
    assert sum(looked(settings, found.as_of, waits).labelled.values()) == UNITS


def test_what_was_written_twice_counts_once(settings: Settings) -> None:
    plan = write_logs(settings)
    before = seen(settings, plan, START + timedelta(days=16))
    for path in list(Path(settings.exposure_log).rglob("*.parquet")):
        add(pl.read_parquet(path, hive_partitioning=False), settings.exposure_log)
    assert seen(settings, plan, START + timedelta(days=16)).units.equals(before.units)


def test_exposures_of_another_plan_do_not_count(settings: Settings) -> None:
    plan = write_logs(settings)
    before = seen(settings, plan, START + timedelta(days=16))
    other = msgspec.structs.replace(plan, salt="of the experiment before")
    shown = [exposure(other, f"before{n}", str(n), START + timedelta(hours=1)) for n in range(20)]
    add(frame(shown), settings.exposure_log)
    assert seen(settings, plan, START + timedelta(days=16)).units.equals(before.units)


def test_several_rows_are_one_request(settings: Settings) -> None:
    plan = write_logs(settings)
    large = exposure(plan, "large", "somebody", START + timedelta(hours=7))
    failed = large._replace(exposure="failed", rows=0)
    slow = large._replace(exposure="slow", duration_s=1.0)
    add(frame([large._replace(rows=500), failed, slow]), settings.exposure_log)
    units = seen(settings, plan, START + timedelta(days=16)).units
    [row] = units.filter(pl.col("unit") == large.unit).to_dicts()
    assert [row[name] for name in ("asked", "answered", "failures", "slow")] == [3, 2, 1, 1]
    assert (row["due"], row["found"]) == (501, 0)


@pytest.mark.usefixtures("environment")
def test_before_the_first_look_it_runs(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = write_logs(settings)
    with pytest.raises(ValueError, match="the first look is a day later"):
        seen(settings, plan, START + timedelta(hours=23))
    assert main(["analyse", "--as-of", f"{START:%Y-%m-%d}"]) == 0
    assert capsys.readouterr().out.startswith("running: the first look is a day after 2013-07-01")


def test_an_experiment_does_not_begin_anew_with_the_oldest_exposure_that_is_left(
    settings: Settings,
) -> None:
    plan = write_logs(settings)
    # Retention, or a service that was rolled out late.
    for day in range(1, 5):
        shutil.rmtree(Path(settings.exposure_log) / f"date=2013-07-{day:02}")
    found = looked(settings, START + timedelta(days=16), plan)
    assert found.as_of == plan.due == START + timedelta(days=15)
    assert found.days == 10
    assert (found.verdict, found.metric) == ("inconclusive", None)


def test_exposures_from_before_the_start_do_not_count(settings: Settings) -> None:
    plan = write_logs(settings)
    later = msgspec.structs.replace(plan, start=START + timedelta(days=2))
    assert seen(settings, later, START + timedelta(days=5)).units["asked"].sum() == 3 * UNITS


@pytest.mark.usefixtures("environment")
def test_a_challenger_that_is_to_be_ended_is_told_by_the_exit_code(
    settings: Settings, tmp_path: Path
) -> None:
    plan = write_logs(settings)
    failed = [
        exposure(plan, f"failed{n}", str(n), START + timedelta(hours=7))._replace(rows=0)
        for n in range(UNITS)
    ]
    add(frame([one for one in failed if one.arm == "challenger"]), settings.exposure_log)
    output = ["--output", str(tmp_path / "report")]
    assert main(["analyse", "--as-of", "2013-07-02", *output]) == END_IT
    assert main(["analyse", "--as-of", "2013-07-17", *output]) == 0


@pytest.mark.usefixtures("environment")
def test_a_start_that_is_over_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    days = ["--from", "2013-07-01", "--to", "2013-07-14"]
    assert main(["plan", "--effect", "1", "--start", "2013-07-01", *days]) == 1
    assert "is fixed before" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_nobody_looks_into_the_future(capsys: pytest.CaptureFixture[str]) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    assert main(["analyse", "--as-of", day]) == 1
    assert f"{day} lies ahead" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--effect", "-1"),
        ("--effect", "much"),
        ("--alpha", "5"),
        ("--power", "80"),
        ("--share", "1.5"),
    ],
)
def test_a_plan_that_cannot_be_is_not_written(
    wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    days = ["--from", "2013-07-01", "--to", "2013-07-14"]
    with pytest.raises(SystemExit):
        main(["plan", "--effect", "1", *wrong, *days])
    assert "must " in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_without_exposures_it_says_what_to_look_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["analyse"]) == 1
    assert "do callers name their unit?" in capsys.readouterr().err


def test_without_a_challenger_there_is_nothing_to_plan(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    days = ["--from", "2013-07-01", "--to", "2013-07-14"]
    assert main(["plan", "--effect", "1", *days]) == 1
    assert "SERVICE_CHALLENGER_DIR" in capsys.readouterr().err
