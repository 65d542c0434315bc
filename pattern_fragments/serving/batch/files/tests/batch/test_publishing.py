"""Readers find one whole version of a day, and it can be taken back."""

import threading
from pathlib import Path

import polars as pl
import pytest

from __package__.batch import source
from __package__.batch.versions import Day
from __package__.settings import Settings

from .conftest import DAY, Run, contents, published, read

pytestmark = pytest.mark.slow


@pytest.fixture
def changed_input(day_input: Path, rows: pl.DataFrame) -> Path:
    """Takes the first row away from what `day_input` wrote, so that another version comes of it."""
    rows[1:].write_parquet(day_input)
    return day_input


def rescore(run: Run, day_input: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(day_input)
    run()


@pytest.mark.usefixtures("day_input")
def test_the_same_input_and_model_give_the_same_version_and_no_work(
    run: Run, settings: Settings
) -> None:
    first = run()
    inode = (published(settings.output) / "manifest.json").stat().st_ino
    assert run() == first
    assert (published(settings.output) / "manifest.json").stat().st_ino == inode


@pytest.mark.usefixtures("day_input")
def test_again_scores_what_has_not_changed(run: Run, settings: Settings) -> None:
    first = run()
    again = run(again=True)
    assert again.version == f"{first.version}.2"
    assert published(settings.output).readlink().name == again.version
    assert again.scored == first.scored


def test_a_reader_finds_the_old_version_or_the_new_one_whole(
    run: Run, settings: Settings, changed_input: Path, rows: pl.DataFrame
) -> None:
    run()
    stop, seen = threading.Event(), set()

    def watch() -> None:
        while not stop.is_set():
            version = published(settings.output).resolve()
            frames = [pl.read_parquet(path) for path in sorted(version.glob("*.parquet"))]
            seen.add((version.name, sum(len(frame) for frame in frames)))

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        rescore(run, changed_input, rows)
    finally:
        stop.set()
        reader.join()
    versions = {path.name for path in Day(settings.output, DAY).folder.iterdir() if path.is_dir()}
    assert {name for name, _ in seen} <= versions
    assert {count for _, count in seen} <= {len(rows), len(rows) - 1}


def test_rollback_publishes_the_version_before(
    run: Run, settings: Settings, changed_input: Path, rows: pl.DataFrame
) -> None:
    run()
    before = contents(published(settings.output))
    rescore(run, changed_input, rows)
    assert contents(published(settings.output)) != before
    day = Day(settings.output, DAY)
    day.roll_back()
    assert contents(published(settings.output)) == before
    with pytest.raises(ValueError, match=f"^no version of {day.link} published before "):
        day.roll_back()


def test_a_rollback_holds_until_a_run_with_again(
    run: Run,
    settings: Settings,
    changed_input: Path,
    rows: pl.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = run()
    rescore(run, changed_input, rows)
    Day(settings.output, DAY).roll_back()
    assert run() == first
    assert caplog.messages[-1].startswith("nothing published: the day was rolled back")
    rows[2:].write_parquet(changed_input)
    assert run() == first
    released = run(again=True)
    assert released.rows == len(rows) - 2
    rescore(run, changed_input, rows)
    assert published(settings.output).readlink().name != released.version


def test_so_many_versions_are_kept_as_the_settings_say(
    run: Run, settings: Settings, changed_input: Path, rows: pl.DataFrame
) -> None:
    first = run(keep_versions=1).version
    rows.write_parquet(changed_input)
    second = run(keep_versions=1).version
    folder = Day(settings.output, DAY).folder
    assert first != second
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [second]


@pytest.mark.usefixtures("day_input")
def test_two_runs_of_a_day_exclude_each_other(run: Run, settings: Settings) -> None:
    with (
        Day(settings.output, DAY).locked(),
        pytest.raises(ValueError, match=f"^another run is at work on {published(settings.output)}"),
    ):
        run()


@pytest.mark.usefixtures("day_input")
def test_polars_finds_what_is_published_and_nothing_else(
    run: Run, settings: Settings, rows: pl.DataFrame
) -> None:
    run()
    run(again=True)
    everything = pl.scan_parquet(
        settings.output / "date=*" / "*.parquet", hive_partitioning=True
    ).collect()
    assert len(everything) == len(rows) == len(read(settings.output))
    assert everything["date"].unique().to_list() == [DAY]


@pytest.mark.usefixtures("day_input")
def test_the_manifest_counts_and_hashes_what_is_there(run: Run, settings: Settings) -> None:
    manifest = run()
    folder = published(settings.output)
    lengths = {path.name: len(pl.read_parquet(path)) for path in folder.glob("*.parquet")}
    assert {f"{part.name}.parquet": part.scored for part in manifest.parts} == lengths
    assert manifest.rows == sum(part.rows for part in manifest.inputs) == sum(lengths.values())
    features = {path.name: source.sha256_of(path) for path in (folder / "features").glob("*")}
    assert manifest.features == features
