"""A run that is killed at any moment, and started again, ends with the bytes of one left alone."""

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from __package__.batch.run import RECORDS
from __package__.batch.versions import PARTIAL, Day
from __package__.settings import Settings

from .conftest import DAY, Run, contents, environment, published, read

KILLED_BEFORE = """
import os, pathlib, signal, sys
from __package__.score import main

name, count = sys.argv[1], int(sys.argv[2])


def deadly(method):
    def called(path, target):
        global count
        if name in str(target):
            count -= 1
            if count < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return method(path, target)

    return called


pathlib.Path.replace = deadly(pathlib.Path.replace)
pathlib.Path.rename = deadly(pathlib.Path.rename)
sys.exit(main(sys.argv[3:]))
"""
"""Runs the command, and kills it before it gives a file its name once too often."""

MOMENTS = (
    ("part-", 0),
    (f"{RECORDS}/part-", 1),
    ("manifest.json", 0),
    (f"date={DAY}/published", 0),
    (f"out/date={DAY}", 0),
)
"""The first part, the record of a later one, the manifest; the version complete but not in the
history; in the history, but not where readers look."""


@pytest.mark.usefixtures("day_input")
def test_killed_at_every_step_it_ends_with_the_same_bytes(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    run(output=tmp_path / "undisturbed")
    for name, count in MOMENTS:
        killed = subprocess.run(  # noqa: S603 - the script above
            [sys.executable, "-c", KILLED_BEFORE, name, str(count), "--date", str(DAY)],
            env=environment(settings),
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert not published(settings.output).exists()
    run()
    undisturbed, killed_often = published(tmp_path / "undisturbed"), published(settings.output)
    assert contents(killed_often) == contents(undisturbed)
    assert killed_often.readlink() == undisturbed.readlink()
    assert read(settings.output)["source_row"].is_unique().all()


def test_a_rollback_that_is_killed_at_every_step_goes_one_version_back_and_holds(
    settings: Settings, run: Run, day_input: Path, rows: pl.DataFrame
) -> None:
    versions = []
    for first in range(3):
        rows[first:].write_parquet(day_input)
        versions.append(run().version)
    for name in (f"date={DAY}/held", f"date={DAY}/published", f"out/date={DAY}"):
        killed = subprocess.run(  # noqa: S603 - the script above
            [sys.executable, "-c", KILLED_BEFORE, name, "0", "--date", str(DAY), "--rollback"],
            env=environment(settings),
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert published(settings.output).readlink().name == versions[2]
    Day(settings.output, DAY).roll_back()
    assert run().version == versions[1]


@pytest.mark.usefixtures("day_input")
def test_finished_parts_are_kept_and_those_that_the_disk_lost_are_scored_again(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    run(output=tmp_path / "undisturbed")
    subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-c", KILLED_BEFORE, f"{RECORDS}/part-", "2", "--date", str(DAY)],
        env=environment(settings),
        check=False,
    )
    [partial] = (settings.output / ".versions" / f"date={DAY}").glob(f"*{PARTIAL}")
    lost, kept = [f"{path.stem}.parquet" for path in (partial / RECORDS).glob("*.json")]
    (partial / lost).write_bytes((partial / lost).read_bytes()[:100])
    inode = (partial / kept).stat().st_ino
    run()
    assert (published(settings.output) / kept).stat().st_ino == inode
    assert contents(published(settings.output)) == contents(published(tmp_path / "undisturbed"))
