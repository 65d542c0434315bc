"""What is too old goes, to the day, and nothing else does."""

from pathlib import Path

import pytest

from __package__.erasure.days import check_days
from __package__.prediction_log.store import Store
from __package__.retention import FAILED, main
from __package__.settings import Settings

from .conftest import WriteLog, ids_of

DAYS = 30


@pytest.fixture(autouse=True)
def _of_thirty_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_RETENTION_DAYS", str(DAYS))


def test_a_day_is_kept_until_it_is_longer_ago_than_that(write: WriteLog) -> None:
    for days_ago in (0, DAYS - 1, DAYS, DAYS + 1, 400):
        write(f"{days_ago}", days_ago=days_ago)
    assert main([]) == 0
    assert ids_of("log") == ["0", str(DAYS - 1), str(DAYS)]
    assert len(list(Path("log").iterdir())) == 3


def test_it_keeps_what_the_log_itself_would_keep_of_so_many_days(write: WriteLog) -> None:
    for days_ago in range(DAYS - 2, DAYS + 3):
        write(f"{days_ago}", days_ago=days_ago)
    main([])
    before = ids_of("log")
    Store("log", DAYS, 10**9).tidy()
    assert ids_of("log") == before


def test_a_dry_run_only_says_what_would_go(
    write: WriteLog, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", days_ago=DAYS + 1)
    write("new")
    assert main(["--dry-run"]) == 0
    assert ids_of("log") == ["new", "old"]
    assert "SERVICE_PREDICTION_LOG: 1 files from before " in capsys.readouterr().out
    assert main([]) == 0
    assert "were deleted" in capsys.readouterr().out
    assert ids_of("log") == ["new"]


def test_a_second_run_finds_nothing(write: WriteLog, capsys: pytest.CaptureFixture[str]) -> None:
    write("old", days_ago=DAYS + 1)
    main([])
    capsys.readouterr()
    assert main([]) == 0
    assert "SERVICE_PREDICTION_LOG: 0 files" in capsys.readouterr().out


def test_what_somebody_else_keeps_among_the_days_stays(write: WriteLog) -> None:
    write("old", days_ago=DAYS + 1)
    [day] = Path("log").iterdir()
    (day / "mine.txt").write_text("theirs")
    main([])
    assert [path.name for path in day.iterdir()] == ["mine.txt"]


@pytest.mark.usefixtures("settings")
def test_where_nothing_was_logged_yet_there_is_nothing_to_delete(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    assert "SERVICE_PREDICTION_LOG: nothing is there" in capsys.readouterr().out


def test_what_cannot_be_deleted_is_told(
    write: WriteLog, capsys: pytest.CaptureFixture[str]
) -> None:
    write("old", days_ago=DAYS + 1)
    [day] = Path("log").iterdir()
    (day / "a.parquet").mkdir()  # what no user may remove as a file
    assert main([]) == FAILED
    assert "SERVICE_PREDICTION_LOG: not all of it could be deleted: " in capsys.readouterr().err


def test_a_log_that_would_keep_rows_longer_starts_no_service(settings: Settings) -> None:
    check_days(settings.model_copy(update={"prediction_log_keep_days": DAYS}))
    with pytest.raises(ValueError, match=f"SERVICE_RETENTION_DAYS={DAYS}: .* lower it to {DAYS}"):
        check_days(settings.model_copy(update={"prediction_log_keep_days": DAYS + 1}))


@pytest.mark.usefixtures("settings")
def test_a_wrong_setting_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_RETENTION_DAYS", "0")
    assert main([]) == FAILED
    assert "nothing was deleted: SERVICE_RETENTION_DAYS: " in capsys.readouterr().err
