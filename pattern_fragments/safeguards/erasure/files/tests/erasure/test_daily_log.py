"""Single rows go from a log by day, and everything else stays as it was."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.erasure.daily_log import DailyLog
from __package__.erasure.files import ChangedError, replace, state_of
from __package__.logged import scan

from .conftest import TODAY, WriteLog, ids_of


def log() -> DailyLog:
    return DailyLog("SERVICE_PREDICTION_LOG", "log")


def erase(*ids: str) -> int:
    place = log()
    return sum(place.remove(file, set(ids)) for file in place.holding(set(ids)))


def test_the_files_of_all_days_are_found_with_the_ids_in_them(write: WriteLog) -> None:
    write("a", "b", days_ago=2)
    write("b", "c")
    write("d")
    held = log().holding({"b", "c", "x"})
    assert sorted(sorted(some) for some in held.values()) == [["b"], ["b", "c"]]


def test_rows_go_and_the_others_are_read_as_before(write: WriteLog) -> None:
    write("a", "b", days_ago=2)
    write("b", "c")
    before = scan("log", TODAY - timedelta(days=3), TODAY + timedelta(days=1)).collect()
    assert erase("b", "x") == 2
    after = scan("log", TODAY - timedelta(days=3), TODAY + timedelta(days=1)).collect()
    assert after.equals(before.filter(pl.col("prediction_id") != "b"))
    assert erase("b", "x") == 0


def test_a_file_without_a_row_left_goes(write: WriteLog) -> None:
    write("a", days_ago=2)
    write("b")
    assert erase("a") == 1
    assert ids_of("log") == ["b"]
    assert len(list(Path("log").rglob("*.parquet"))) == 1


def test_nothing_is_left_beside_the_files(write: WriteLog) -> None:
    write("a", "b")
    erase("a")
    assert not [path for path in Path("log").rglob(".*") if path.is_file()]


def test_a_log_of_calls_loses_the_row_of_the_call_that_a_prediction_came_from(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log" / f"date={TODAY:%Y-%m-%d}" / "x.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"exposure": ["call-1", "other"], "rows": [2, 1]}).write_parquet(path)
    place = DailyLog("SERVICE_PREDICTION_LOG", str(tmp_path / "log"), "exposure", by_call=True)
    assert place.holding({"call-1-0", "call-1-1"}) == {str(path): {"call-1-0", "call-1-1"}}
    assert place.holding({"call-1"}) == {}
    assert place.remove(str(path), {"call-1-1"}) == 1
    assert pl.read_parquet(path, hive_partitioning=False)["exposure"].to_list() == ["other"]


def test_an_empty_place_holds_nothing(tmp_path: Path) -> None:
    assert DailyLog("SERVICE_PREDICTION_LOG", str(tmp_path / "nothing")).holding({"a"}) == {}


def test_what_is_no_place_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(ValueError, match="SERVICE_PREDICTION_LOG must be a path on this machine"):
        DailyLog("SERVICE_PREDICTION_LOG", "")


def test_a_broken_file_is_named(write: WriteLog) -> None:
    write("a")
    [path] = Path("log").rglob("*.parquet")
    path.write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="log cannot be read"):
        log().holding({"a"})


def test_a_file_that_goes_meanwhile_holds_nothing(write: WriteLog) -> None:
    write("a")
    [file] = log().holding({"a"})
    Path(file).unlink()
    assert log().remove(file, {"a"}) == 0


def test_what_somebody_else_has_written_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = state_of(path)
    path.write_bytes(b"theirs")
    with pytest.raises(ChangedError):
        replace(path, b"mine", seen)
    path.unlink()
    with pytest.raises(ChangedError):
        replace(path, b"mine", seen)
    assert not path.exists()
