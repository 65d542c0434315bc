"""The gauges of a running service follow the summary."""

import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.performance import live, summary
from __package__.performance.live import performance_gauges
from __package__.performance.run import summarise
from __package__.settings import Settings

from .conftest import DAY, START, UNTIL, WriteLog, outcomes_of

Read = Callable[[], dict[str, dict[tuple[str, ...], float]]]


@pytest.fixture
def read(settings: Settings, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> Read:
    """What a scrape would find: the summary is looked for each time."""
    monkeypatch.setattr(live, "LOOK_S", 0.0)
    gauges = performance_gauges(settings, model_folder)
    return lambda: {gauge.name: dict(gauge.values()) for gauge in gauges}


@pytest.fixture
def computed(write_log: WriteLog, settings: Settings, tmp_path: Path) -> pl.DataFrame:
    (tmp_path / "outcomes").mkdir()
    outcomes_of(write_log()).write_parquet(tmp_path / "outcomes" / "a.parquet")
    table = summarise(settings, since=START, until=UNTIL, as_of=UNTIL + DAY)
    summary.write(table, settings.performance_summary)
    return table


def test_without_a_summary_only_the_models_test_and_the_limits_are_known(read: Read) -> None:
    known = {name for name, values in read().items() if values}
    assert known == {"performance_test_roc_auc", "performance_segment_gap_limit"}


def test_the_figures_of_the_recent_days_are_shown(computed: pl.DataFrame, read: Read) -> None:
    shown = read()
    of_recent = (pl.col("window") == "recent") & (pl.col("figure") == "roc_auc")
    [row] = computed.filter(of_recent).to_dicts()
    for bound in ("value", "low", "high"):
        assert shown["performance_roc_auc"]["v1", bound] == row[bound]
    assert shown["performance_labelled_rows"] == {("v1",): 1400}
    assert shown["performance_label_coverage_ratio"] == {("v1",): 1.0}
    assert shown["performance_due_rows"] == {("v1",): 1400}
    assert shown["performance_label_delay_seconds"] == {("v1",): 7200}
    assert shown["performance_window_end_timestamp_seconds"] == {(): UNTIL.timestamp()}
    assert shown["performance_computed_timestamp_seconds"] == {(): (UNTIL + DAY).timestamp()}
    assert all(values for values in shown.values())


@pytest.mark.parametrize("name", ["outcomes", "performance_summary"])
def test_a_place_without_a_name_ends_the_start(
    name: str, settings: Settings, model_folder: ModelFolder
) -> None:
    nowhere: Settings = settings.model_copy(update={name: ""})
    with pytest.raises(ValueError, match=f"SERVICE_{name.upper()} must be a path"):
        performance_gauges(nowhere, model_folder)


@pytest.mark.usefixtures("computed")
def test_labels_are_as_many_as_the_gauge_names(
    settings: Settings, model_folder: ModelFolder
) -> None:
    for gauge in performance_gauges(settings, model_folder):
        assert {len(labels) for labels in gauge.values()} == {len(gauge.labels)}


def test_a_newer_summary_is_found(computed: pl.DataFrame, settings: Settings, read: Read) -> None:
    read()
    newer = computed.with_columns(value=pl.col("value") + 1)
    summary.write(newer, settings.performance_summary)
    assert read()["performance_label_coverage_ratio"] == {("v1",): 2.0}


@pytest.mark.usefixtures("computed")
def test_a_broken_summary_leaves_the_figures_from_before(settings: Settings, read: Read) -> None:
    before = read()
    Path(settings.performance_summary).write_text("text")
    assert read() == before


@pytest.mark.usefixtures("computed")
def test_a_store_that_is_slow_holds_nobody_up(
    settings: Settings, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = summary.read

    def slow(where: str) -> pl.DataFrame:
        time.sleep(0.5)
        return read(where)

    monkeypatch.setattr(live, "WAIT_S", 0.01)
    monkeypatch.setattr(summary, "read", slow)
    gauges: list[Gauge] = performance_gauges(settings, model_folder)
    started = time.monotonic()
    for gauge in gauges:
        gauge.values()
    assert time.monotonic() - started < 0.4
