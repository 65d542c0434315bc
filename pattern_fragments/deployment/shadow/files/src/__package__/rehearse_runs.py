"""Rehearses a shadow of runs on this machine.

The command is `python -m __package__.rehearse_runs`.

The champion scores and publishes days; a candidate scores them after it, a good one and a bad one.
Each run is a process of its own, started as production starts it.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .rehearsal.environment import without_settings
from .rehearsal.models import Models, end_of_test, prepare
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic
from .settings import Settings
from .shadow.played import Played, concluded, fresh, line, write_outcomes

CASES: Mapping[str, tuple[str, bool]] = {"good": ("candidate", True), "bad": ("bad", False)}
"""Which of the models, and whether the report has to call it fit."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse; 0 when each candidate was judged as it had to be and none touched a result."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse_runs",
        description="Rehearse a shadow of runs on this machine.",
    )
    parser.add_argument("--candidate", choices=CASES, help="only this one; both by default")
    parser.add_argument("--days", type=int, default=3, help="to score; 3 by default")
    parser.add_argument("--folder", type=Path, default=Path("data/rehearsal"))
    parser.add_argument("--small", action="store_true", help="models of a few days, in seconds")
    options = parser.parse_args(arguments)
    try:
        models = prepare(options.folder, small=options.small)
        names = [options.candidate] if options.candidate else list(CASES)
        played = [
            play(name, models, options.folder / "shadow" / name, options.days) for name in names
        ]
    except KeyboardInterrupt:
        sys.stderr.write("\nended; every process that was started has ended\n")
        return 130
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot rehearse: {error}\n")
        return 1
    sys.stdout.write(f"\n{as_markdown([one.row for one in played])}\n")
    return 0 if all(one.as_expected for one in played) else 1


def play(name: str, models: Models, folder: Path, days: int) -> Played:
    """One candidate, from the champion's first run to the verdict."""
    model, must_be_fit = CASES[name]
    settings = fresh(folder, models.champion)
    story = Story(folder, f"Shadow of runs: a {name} candidate")
    since = datetime.now(UTC)
    first = end_of_test(models.candidate).date()
    labels = []
    for day in (first + timedelta(days=number) for number in range(days)):
        labels.append(_write_input(folder, day))
        _run("score", models.champion, folder, settings, day)
        before = _published(folder)
        story.step(f"the champion has published {day}: {len(labels[-1]):,} rows")
        _run("shadow.score", getattr(models, model), folder, settings, day)
        untouched = _published(folder) == before
        story.step(f"the candidate has scored {day} after it")
        if not untouched:
            story.outcome(promoted=False, why="the candidate has changed what readers see")
            return Played(line(name, None), as_expected=False)
    _tell_outcomes(folder, settings, np.concatenate(labels))
    found = concluded(story, settings, since, folder)
    row = line(name, found)
    story.write([], [row])
    return Played(row, (found is not None and found.verdict.fit) == must_be_fit)


def _write_input(folder: Path, day: date) -> NDArray[np.float64]:
    """The questions of a day as a file; their labels."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    traffic = Traffic.between(start, start + timedelta(days=1))
    keys = pl.Series("key", [f"{day}-{row}" for row in range(len(traffic))])
    rows = traffic.frame.drop("asked_at", "label", "labelled_at").insert_column(0, keys)
    place = folder / "input" / f"date={day}"
    place.mkdir(parents=True)
    rows.write_parquet(place / "rows.parquet")
    return traffic.labels


def _run(module: str, model: Path, folder: Path, settings: Settings, day: date) -> None:
    """A run of its own process; raises OSError with what it said when it fails."""
    place = folder.absolute()
    given = {
        "MODEL_DIR": model.absolute(),
        "INPUT": str(place / "input" / "date={date}"),
        "OUTPUT": place / "output",
        "PREDICTION_LOG": settings.prediction_log,
        "SHADOW_LOG": settings.shadow_log,
        "SHADOW_SCRATCH": place / "scratch",
    }
    environment = {f"SERVICE_{name}": str(value) for name, value in given.items()}
    ended = subprocess.run(  # noqa: S603 - our own module
        [
            sys.executable,
            "-m",
            f"__package__.{module}",
            f"--date={day}",
        ],
        env=without_settings() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise OSError(f"{module} of {day} failed: {ended.stderr[-2000:]}")


def _published(folder: Path) -> Mapping[str, bytes]:
    """What readers find, byte by byte."""
    found = (folder / "output").glob("date=*/*.*")
    return {str(path): path.read_bytes() for path in sorted(found)}


def _tell_outcomes(folder: Path, settings: Settings, labels: NDArray[np.float64]) -> None:
    """Write what came of what the champion has published."""
    days = sorted((folder / "output").glob("date=*"))
    ids: list[str] = []
    for day in days:
        rows = pl.read_parquet(day / "*.parquet", columns=["key", "prediction_id"])
        number = pl.col("key").str.split("-").list.last().cast(pl.Int64)
        ids += rows.sort(number)["prediction_id"].to_list()
    write_outcomes(settings, ids, labels)


if __name__ == "__main__":
    sys.exit(main())
