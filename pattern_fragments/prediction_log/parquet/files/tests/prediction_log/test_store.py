"""The files of a log in a folder: where they lie, how long they stay."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.object_store import place
from __package__.prediction_log.store import SCRATCH_AGE_S, Store

NOW = datetime.now(UTC)


def rows(*moments: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        {"prediction_id": [str(moment) for moment in moments], "time": list(moments)},
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )


def write(store: Store, *moments: datetime) -> None:
    store.write(rows(*moments))
    store.tidy()


def days(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("date=*"))


def test_rows_lie_under_the_day_they_were_predicted_on(tmp_path: Path) -> None:
    Store(f"{tmp_path}/", 10, 10**9).write(rows(NOW - timedelta(days=1), NOW))
    assert days(tmp_path) == [f"date={NOW - timedelta(days=1):%Y-%m-%d}", f"date={NOW:%Y-%m-%d}"]
    for path in tmp_path.glob("*/*"):
        assert path.suffix == ".parquet"
        assert len(pl.read_parquet(path, hive_partitioning=False)) == 1


def test_days_go_when_they_are_old_enough(tmp_path: Path) -> None:
    kept, old = NOW - timedelta(days=10), NOW - timedelta(days=11)
    write(Store(str(tmp_path), 10, 10**9), old, kept, NOW)
    assert days(tmp_path) == [f"date={kept:%Y-%m-%d}", f"date={NOW:%Y-%m-%d}"]


def test_beyond_its_size_the_oldest_files_go(tmp_path: Path) -> None:
    store = Store(str(tmp_path), 10, 4_000)
    for age in (3, 2, 1, 0) * 3:
        write(store, NOW - timedelta(days=age))
    left = list(tmp_path.rglob("*.parquet"))
    assert 0 < sum(path.stat().st_size for path in left) <= 4_000
    assert {path.parent.name for path in left} <= {
        f"date={NOW - timedelta(days=age):%Y-%m-%d}" for age in (1, 0)
    }


def test_what_somebody_else_keeps_among_the_days_stays(tmp_path: Path) -> None:
    theirs = [tmp_path / "date=2000-01-01" / "mine.txt", tmp_path / "date=old" / "a.parquet"]
    for path in theirs:
        path.parent.mkdir()
        path.write_text("theirs")
    write(Store(str(tmp_path), 10, 1), NOW)
    assert all(path.exists() for path in theirs)


def test_beside_a_file_that_cannot_be_removed_the_others_still_go(tmp_path: Path) -> None:
    stuck = tmp_path / "date=2000-01-01" / "a.parquet"
    (stuck / "inside").mkdir(parents=True)  # what no user may remove as a file
    with pytest.raises(OSError, match="date=2000-01-01"):
        write(Store(str(tmp_path), 36_500, 1), NOW - timedelta(days=1), NOW)
    assert list(tmp_path.rglob("*.parquet")) == [stuck]


@pytest.mark.parametrize("where", ["", " ", "foo://bar/x", "s3:/bucket/x", "s3://", "https://a/b"])
def test_a_place_that_nothing_can_be_written_to_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match="SERVICE_PREDICTION_LOG must be a path on this machine"):
        Store(where, 10, 10**9)


@pytest.mark.parametrize("where", ["/", "data/log/", "gs://bucket/x/", "in/a:b"])
def test_a_path_or_an_object_store_is_a_place(where: str) -> None:
    assert place(where, "x") == (where.rstrip("/") or "/")


@pytest.mark.parametrize(("age_s", "is_left"), [(60.0, True), (SCRATCH_AGE_S + 60, False)])
def test_what_a_killed_process_left_behind_is_removed_after_a_while(
    tmp_path: Path, age_s: float, is_left: bool
) -> None:
    scratch = tmp_path / f"date={NOW:%Y-%m-%d}" / ".x.parquet-ab12"
    scratch.parent.mkdir()
    scratch.write_bytes(b"PAR1")
    os.utime(scratch, (NOW.timestamp() - age_s,) * 2)
    write(Store(str(tmp_path), 10, 10**9), NOW)
    assert scratch.exists() == is_left
