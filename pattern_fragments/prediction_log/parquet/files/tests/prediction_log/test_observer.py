"""When the log is written, and what happens when it cannot be."""

import logging
import time
from pathlib import Path

import polars as pl
import pytest

from __package__.deferred import Batch
from __package__.gauges import Gauge
from __package__.prediction_log import writer

from .conftest import NOON, MakeLog, batch, figures, scored


def logged(tmp_path: Path) -> pl.DataFrame:
    files = sorted(tmp_path.glob("log/date=*/*.parquet"))
    return pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in files])


def wait_for_file(tmp_path: Path) -> None:
    deadline = time.monotonic() + 5
    while not list(tmp_path.glob("log/*/*.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_rows_are_held_until_the_service_ends(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge]
) -> None:
    log = make_log()
    log.observe(batch(scored(), scored(2, 10)))
    assert not list(tmp_path.rglob("*.parquet"))
    assert "prediction_log_newest_timestamp_seconds" not in figures(gauges)
    log.close()
    assert logged(tmp_path)["prediction_id"].to_list() == ["v1-0", "v1-1", "v1-2", "v1-10", "v1-11"]
    assert figures(gauges)["prediction_log_rows_total"] == 5
    assert time.time() - figures(gauges)["prediction_log_newest_timestamp_seconds"] < 60


def test_rows_are_written_after_some_seconds_though_nothing_more_comes(
    make_log: MakeLog, tmp_path: Path
) -> None:
    make_log(flush_s=0.05).observe(batch())
    wait_for_file(tmp_path)


def test_many_rows_are_written_at_once(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_FILE", 4)
    log = make_log()
    log.observe(batch(scored(3)))
    assert not list(tmp_path.rglob("*.parquet"))
    log.observe(batch(scored(1, 3)))
    assert len(logged(tmp_path)) == 4


def test_a_share_of_the_rows_is_written(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log(share=0.1)
    log.observe(batch(scored(2_000)))
    log.close()
    assert 150 < len(logged(tmp_path)) < 250


def test_a_batch_of_refusals_alone_writes_nothing(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log()
    log.observe(Batch((), {"invalid_input": 3}))
    log.close()
    assert not list(tmp_path.rglob("*.parquet"))


def test_what_cannot_be_written_is_kept_and_written_later(
    make_log: MakeLog,
    tmp_path: Path,
    gauges: list[Gauge],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_FILE", 1)
    (tmp_path / "log").write_text("no folder")
    log = make_log()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            log.observe(batch(scored(1, number)))
            monkeypatch.setattr(log.writer, "_retry_at", 0.0)
    assert len(caplog.records) == 1
    assert f"{tmp_path}/log cannot be written" in caplog.text
    (tmp_path / "log").unlink()
    log.close()
    assert logged(tmp_path)["prediction_id"].to_list() == ["v1-0", "v1-1", "v1-2"]
    assert figures(gauges)["prediction_log_dropped_rows_total"] == 0


def test_what_cannot_be_tidied_up_is_told_and_nothing_is_written_twice(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], caplog: pytest.LogCaptureFixture
) -> None:
    stuck = tmp_path / "log" / "date=2000-01-01" / "a.parquet"
    stuck.mkdir(parents=True)  # what no user may remove as a file
    log = make_log(keep_days=1)
    log.observe(batch())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            log.writer._flush()
    assert "cannot be tidied up" in caplog.text
    assert "cannot be written" not in caplog.text
    assert figures(gauges)["prediction_log_rows_total"] == 3
    assert figures(gauges)["prediction_log_overdue_seconds"] == 0


def test_after_a_failure_it_is_not_tried_at_once(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_FILE", 1)
    (tmp_path / "log").write_text("no folder")
    log = make_log()
    log.observe(batch())
    (tmp_path / "log").unlink()
    log.observe(batch(scored(1, 9)))
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_log_that_cannot_be_written_is_overdue_until_it_is(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_FILE", 1)
    monkeypatch.setattr(writer, "RETRY_S", 0.0)
    (tmp_path / "log").write_text("no folder")
    log = make_log(flush_s=0.2)
    log.observe(batch())
    assert figures(gauges)["prediction_log_overdue_seconds"] == 0
    time.sleep(0.25)
    first = figures(gauges)["prediction_log_overdue_seconds"]
    log.observe(batch(scored(1, 9)))
    assert figures(gauges)["prediction_log_overdue_seconds"] >= first > 0
    (tmp_path / "log").unlink()
    log.observe(batch(scored(1, 10)))
    assert figures(gauges)["prediction_log_overdue_seconds"] == 0


def test_rows_that_nothing_is_logged_of_are_never_overdue(
    make_log: MakeLog, gauges: list[Gauge]
) -> None:
    make_log(share=0.0, flush_s=0.01).observe(batch())
    time.sleep(0.05)
    assert figures(gauges)["prediction_log_overdue_seconds"] == 0


def test_what_failed_is_tried_again_before_the_next_time_to_write(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.1)
    (tmp_path / "log").write_text("no folder")
    log = make_log(flush_s=1.0)
    log.observe(batch())
    while not log.writer._retry_at:
        time.sleep(0.01)
    (tmp_path / "log").unlink()
    failed = time.monotonic()
    wait_for_file(tmp_path)
    assert time.monotonic() - failed < 0.7


def test_of_too_many_rows_the_oldest_are_lost_and_counted(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_FILE", 1)
    monkeypatch.setattr(writer, "MOST_ROWS_HELD", 4)
    (tmp_path / "log").write_text("no folder")
    log = make_log()
    for number in range(0, 9, 3):
        log.observe(batch(scored(3, number)))
    assert figures(gauges)["prediction_log_dropped_rows_total"] == 6
    log.close()
    assert figures(gauges)["prediction_log_dropped_rows_total"] == 9
    assert figures(gauges)["prediction_log_rows_total"] == 0


def test_a_full_disk_costs_rows_of_the_log_and_nothing_else(
    make_log: MakeLog, gauges: list[Gauge]
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full, a disk that is always full, is not there")
    log = make_log(where=f"{full}/log")
    log.observe(batch(scored(moment=NOON)))
    log.close()
    assert figures(gauges)["prediction_log_dropped_rows_total"] == 3
