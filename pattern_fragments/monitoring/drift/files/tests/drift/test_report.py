"""The report says what moved, from a log alone."""

import json
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from __package__ import drift_report
from __package__.drift.bins import PREDICTION, Bins
from __package__.drift.periods import periods
from __package__.model_folder import ModelFolder

from .conftest import START, write_log

DAY_S = 86_400
ROWS = 2000


@pytest.fixture(scope="module")
def log(model_folder: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four days of predictions like those of training, then four that are all high."""
    signature = model_folder.read_signature()
    edges = np.array(Bins.read(model_folder.reference, signature).edges(PREDICTION))
    one_of_each_bin = np.append(edges[0] - 1e-5, edges + 1e-5)
    usual = np.random.default_rng(0).choice(one_of_each_bin, ROWS).astype(np.float32)
    high = np.full(ROWS, 0.99, np.float32)
    times = np.arange(ROWS) * 4 * DAY_S / ROWS
    folder = tmp_path_factory.mktemp("log")
    write_log(folder, times, usual, signature.version)
    write_log(folder, times + 4 * DAY_S, high, signature.version)
    write_log(folder, times + 4 * DAY_S, high, "another")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVICE_MODEL_DIR", str(model_folder.path))
        yield folder


@pytest.fixture(scope="module")
def by_day(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of those days, and of one more that nothing was asked on."""
    output = tmp_path_factory.mktemp("report")
    with (output / "printed").open("w") as printed, redirect_stdout(printed):
        assert run(log, output, "--to", "2013-01-09", "--by", "day") == 0
    return output


def run(log: Path, output: Path, *more: str) -> int:
    arguments = ["--from", "2013-01-01", "--log", str(log), "--output", str(output), *more]
    return drift_report.main(arguments)


def test_what_moved_is_named_and_what_did_not_is_not(by_day: Path) -> None:
    made = json.loads((by_day / "report.json").read_text())
    over = [
        period["drift"][PREDICTION]["psi"] > period["drift"][PREDICTION]["psi_limit"]
        for period in made["periods"]
        if period["drift"]
    ]
    assert over == [*[False] * 4, *[True] * 4]


def test_rows_of_other_models_are_left_out_and_counted(by_day: Path) -> None:
    made = json.loads((by_day / "report.json").read_text())
    found = [(period["rows"], period["other_versions"]) for period in made["periods"]]
    assert found == [*[(500, 0)] * 4, *[(500, 500)] * 4, (0, 0)]


def test_the_page_loads_nothing_from_elsewhere(by_day: Path) -> None:
    page = (by_day / "report.html").read_text()
    assert page.count("<svg") >= 4
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page
    assert 'name="viewport"' in page


def test_the_command_prints_what_moved_and_where_there_is_nothing_to_say(by_day: Path) -> None:
    lines = [line.split() for line in (by_day / "printed").read_text().splitlines()]
    assert lines[1] == ["2013-01-01", "500", "-"]
    assert lines[5] == ["2013-01-05", "500", PREDICTION, lines[5][-1]]
    assert lines[9] == ["2013-01-09", "0", "too", "few", "rows"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--to", "2012-12-31"), "--from 2013-01-01 is after --to 2012-12-31"),
        (("--to", "2013-01-01", "--log", "nowhere"), "nowhere holds no predictions"),
    ],
)
def test_wrong_input_is_one_sentence_and_no_report(
    log: Path,
    tmp_path: Path,
    more: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(log, tmp_path, *more) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_too_few_rows_of_the_model_are_no_report(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows,) = (log / "date=2013-01-05").glob("another-*.parquet")
    only = tmp_path / "only" / "date=2013-01-05" / rows.name
    only.parent.mkdir(parents=True)
    only.write_bytes(rows.read_bytes())
    assert run(tmp_path / "only", tmp_path, "--to", "2013-01-08") == 1
    assert "holds 0 rows of model" in capsys.readouterr().err


def test_a_broken_file_is_one_sentence_that_says_of_which_days_it_is(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = shutil.copytree(log, tmp_path / "broken")
    path = min((broken / "date=2013-01-03").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert run(broken, tmp_path, "--to", "2013-01-08", "--by", "day") == 1
    # The step that is shown ends with a return to the start of the line, which is written over.
    error = capsys.readouterr().err.rpartition("\r")[2]
    assert error.startswith("no report was written: a file of the days 2013-01-02 to 2013-01-03")
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_months_are_those_of_the_calendar_and_weeks_begin_at_the_start() -> None:
    end = START.replace(month=3, day=10)
    months = [start.day for start, _ in periods(START.replace(day=20), end, "month")]
    assert months == [20, 1, 1]
    assert [stop for _, stop in periods(START, end, "month")][-1] == end
    weeks = list(periods(START, end, "week"))
    assert (weeks[0][1] - weeks[0][0]).days == 7
