"""Input of a day, runs in this process and in one of their own, and what they leave."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.batch.figures import Figures
from __package__.batch.manifest import Manifest
from __package__.batch.run import run_day
from __package__.domain import data, sample
from __package__.model_folder import ModelFolder
from __package__.settings import Settings

DAY = data.SMALL_PERIOD.split.date()
"""The day after those that the model of the tests has learnt from."""

ROWS_PER_PART = 200

COMMAND = (sys.executable, "-m", "__package__.score")

Run = Callable[..., Manifest]


@pytest.fixture(scope="session")
def rows() -> pl.DataFrame:
    """What is to be scored on that day."""
    start = datetime.combine(DAY, time(), UTC)
    return sample.rows(start, start + timedelta(days=1))


@pytest.fixture
def day_input(tmp_path: Path, rows: pl.DataFrame) -> Path:
    """That day's rows in a parquet file."""
    path = tmp_path / "in" / "rows.parquet"
    path.parent.mkdir()
    rows.write_parquet(path)
    return path


@pytest.fixture
def settings(model_folder: ModelFolder, tmp_path: Path) -> Settings:
    """Of a run that scores what lies in the folder `in`, in several parts."""
    return Settings(
        model_dir=model_folder.path,
        input=str(tmp_path / "in"),
        output=tmp_path / "out",
        rows_per_part=ROWS_PER_PART,
        workers=2,
    )


@pytest.fixture
def run(settings: Settings) -> Run:
    """Score the day in this process, with these settings changed; what was published."""

    def score(again: bool = False, **changes: object) -> Manifest:
        changed = settings.model_copy(update=changes)
        run_day(changed, DAY, again, Figures(changed, DAY))
        return Manifest.read(published(changed.output) / "manifest.json")

    return score


@pytest.fixture
def signals() -> Iterator[None]:
    """What signals do in this process, put back as it was afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, action in zip(numbers, before, strict=True):
        signal.signal(number, action)


def published(output: Path) -> Path:
    """The folder in which readers find the day's predictions."""
    return output / f"date={DAY}"


def read(output: Path) -> pl.DataFrame:
    """What a reader of all days finds."""
    return pl.read_parquet(output / "date=*" / "*.parquet").sort("source_row")


def contents(folder: Path) -> dict[str, bytes]:
    """All files under a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process with these settings."""
    given = settings.model_dump(exclude_unset=True)
    return os.environ | {f"SERVICE_{name.upper()}": str(value) for name, value in given.items()}


def command(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    return subprocess.run(  # noqa: S603 - this package
        [*COMMAND, *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
