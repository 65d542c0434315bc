"""A run that is killed at any moment, and started again, ends with the bytes of one left alone."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from __package__.batch.run import CODE, RECORDS
from __package__.batch.versions import PARTIAL, Day
from __package__.settings import Settings

from .conftest import DAY, Run, contents, environment, published, read

pytestmark = pytest.mark.slow

DEADLY = """
import os, pathlib, signal, sys

import polars, pydantic_settings  # once for all runs; the rest may start threads, which no fork has


def deadly(method, name, count):
    def called(path, target):
        nonlocal count
        if name in str(target):
            count -= 1
            if count < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return method(path, target)

    return called


def run(name, count, *arguments):
    pathlib.Path.replace = deadly(pathlib.Path.replace, name, int(count))
    pathlib.Path.rename = deadly(pathlib.Path.rename, name, int(count))
    from __package__.score import main

    sys.stdout = sys.stderr
    os._exit(main(arguments))


for line in sys.stdin:
    child = os.fork() or run(*line.split())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs the command, each time in a process of its own, and kills it before it gives a file its name
once too often. A line of the input is that name, how often it may, and arguments."""

Killed = Callable[..., int]

MOMENTS = (
    ("part-", 0),
    (f"{RECORDS}/part-", 1),
    ("manifest.json", 0),
    (f"date={DAY}/published", 0),
    (f"out/date={DAY}", 0),
)
"""The first part, the record of a later one, the manifest; the version complete but not in the
history; in the history, but not where readers look."""


@pytest.fixture
def killed(settings: Settings) -> Iterator[Killed]:
    """Run the command until it is killed; how its process ended."""
    with subprocess.Popen(  # noqa: S603 - the script above
        [sys.executable, "-c", DEADLY],
        env=environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def run(name: str, count: int, *arguments: str) -> int:
            asked.write(" ".join((name, str(count), "--date", str(DAY), *arguments)) + "\n")
            asked.flush()
            return int(told.readline())

        yield run
        asked.close()


@pytest.mark.usefixtures("day_input")
def test_killed_at_every_step_it_ends_with_the_same_bytes(
    settings: Settings, run: Run, killed: Killed, tmp_path: Path
) -> None:
    run(output=tmp_path / "undisturbed")
    for name, count in MOMENTS:
        assert killed(name, count) == -signal.SIGKILL
        assert not published(settings.output).exists()
    run()
    undisturbed, often_killed = published(tmp_path / "undisturbed"), published(settings.output)
    assert contents(often_killed) == contents(undisturbed)
    assert often_killed.readlink() == undisturbed.readlink()
    assert read(settings.output)["source_row"].is_unique().all()


@pytest.mark.usefixtures("day_input")
@pytest.mark.parametrize("step", ["finish", "publish"])
def test_ended_after_the_manifest_it_goes_on(
    step: str, settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Day, step, end)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert not published(settings.output).exists()
    assert run().scored == read(settings.output).height > 0


def test_a_rollback_that_is_killed_at_every_step_goes_one_version_back_and_holds(
    settings: Settings, run: Run, killed: Killed, day_input: Path, rows: pl.DataFrame
) -> None:
    versions = []
    for first in range(3):
        rows[first:].write_parquet(day_input)
        versions.append(run().version)
    for name in (f"date={DAY}/held", f"date={DAY}/published", f"out/date={DAY}"):
        assert killed(name, 0, "--rollback") == -signal.SIGKILL
        assert published(settings.output).readlink().name == versions[2]
    Day(settings.output, DAY).roll_back()
    assert run().version == versions[1]


@pytest.mark.usefixtures("day_input")
@pytest.mark.parametrize("reason", ["again", "other code"])
def test_what_was_begun_is_removed_when_it_is_not_to_be_gone_on_with(
    reason: str, settings: Settings, run: Run, killed: Killed
) -> None:
    assert killed(f"{RECORDS}/part-", 1) == -signal.SIGKILL
    [partial] = (settings.output / ".versions" / f"date={DAY}").glob(f"*{PARTIAL}")
    (partial / "of_old").touch()
    if reason == "other code":
        (partial / RECORDS / CODE).write_text("another hash")
    run(again=reason == "again")
    assert not list(published(settings.output).glob("of_*"))


@pytest.mark.usefixtures("day_input")
def test_a_record_that_is_torn_is_made_again(
    settings: Settings, run: Run, killed: Killed, tmp_path: Path
) -> None:
    run(output=tmp_path / "undisturbed")
    assert killed(f"{RECORDS}/part-", 1) == -signal.SIGKILL
    [partial] = (settings.output / ".versions" / f"date={DAY}").glob(f"*{PARTIAL}")
    [record] = (partial / RECORDS).glob("*.json")
    record.write_bytes(record.read_bytes()[:40])
    run()
    assert contents(published(settings.output)) == contents(published(tmp_path / "undisturbed"))


@pytest.mark.usefixtures("day_input")
def test_finished_parts_are_kept_and_those_that_the_disk_lost_are_scored_again(
    settings: Settings, run: Run, killed: Killed, tmp_path: Path
) -> None:
    run(output=tmp_path / "undisturbed")
    assert killed(f"{RECORDS}/part-", 2) == -signal.SIGKILL
    [partial] = (settings.output / ".versions" / f"date={DAY}").glob(f"*{PARTIAL}")
    lost, kept = [f"{path.stem}.parquet" for path in (partial / RECORDS).glob("*.json")]
    (partial / lost).write_bytes((partial / lost).read_bytes()[:100])
    inode = (partial / kept).stat().st_ino
    run()
    assert (published(settings.output) / kept).stat().st_ino == inode
    assert contents(published(settings.output)) == contents(published(tmp_path / "undisturbed"))
