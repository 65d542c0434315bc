"""How far what was asked and answered lies from what the model was trained on.

The command is `python -m __package__.drift_report`.
It needs the dependencies of training.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import msgspec

from . import logged
from .drift.page import html
from .drift.periods import Comparison, PeriodDrift, Step, periods
from .model_folder import ModelFolder, write_atomically
from .object_store import ERRORS
from .period import given_day
from .settings import read_settings

DAY = timedelta(days=1)


class Report(msgspec.Struct, frozen=True):
    """What report.json holds."""

    model_version: str
    periods: list[PeriodDrift]


def report(
    comparison: Comparison, log: str, first: date, last: date, by: Step, output: Path
) -> Report:
    """Compare a stretch of the log, and write report.html and report.json into `output`.

    Raises ValueError when no period holds enough rows of the model or the log cannot be read,
    FileNotFoundError without any row.
    """
    start, end = datetime.combine(first, clock(), UTC), datetime.combine(last, clock(), UTC) + DAY
    logged.scan(log, start, end)  # raises before anything is shown
    found = []
    try:
        for period in periods(start, end, by):
            _show(f"\r{period[0]:%Y-%m-%d} ")
            found.append(_compare(comparison, log, *period))
    finally:
        _show("\r")
    if not any(period.drift for period in found):
        rows, others = (sum(one.rows for one in found), sum(one.other_versions for one in found))
        raise ValueError(
            f"{log} holds {rows:,} rows of model {comparison.signature.version} in these days, and"
            f" {others:,} of others; to compare a {by} takes {comparison.limits.min_rows:,}"
        )
    made = Report(comparison.signature.version, found)
    write_atomically(output / "report.html", html(comparison, found).encode())
    write_atomically(output / "report.json", msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return made


def _compare(comparison: Comparison, log: str, start: datetime, end: datetime) -> PeriodDrift:
    try:
        rows = logged.scan(log, start, end)
    except FileNotFoundError:
        return comparison.nothing(start, end)
    try:
        return comparison.of(rows, start, end)
    except ERRORS as error:
        # Rows are read here and not by the scan, which takes the files of the last moment's day
        # too. Polars does not name the file.
        raise ValueError(
            f"a file of the days {start:%Y-%m-%d} to {end:%Y-%m-%d} in the prediction log {log}"
            f" cannot be read: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _table(made: Report) -> str:
    lines = [f"{'from':<12}{'rows':>9}  {'above its limit (PSI)'}"]
    for period in made.periods:
        over = [f"{name} {period.drift[name].psi:.2f}" for name in period.alerts]
        more = f" and {len(over) - 3} more" if len(over) > 3 else ""
        said = ", ".join(over[:3]) + more if period.drift else "too few rows"
        lines.append(f"{period.start:%Y-%m-%d}  {period.rows:>9,}  {said or '-'}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when there is no report."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.drift_report",
        description="Compare the prediction log with what the model was trained on.",
    )
    parser.add_argument(
        "--from", type=given_day, dest="first", required=True, help="the first day, UTC"
    )
    parser.add_argument(
        "--to", type=given_day, dest="last", required=True, help="the last, included"
    )
    parser.add_argument("--by", choices=("day", "week", "month"), default="month")
    parser.add_argument("--log", help="a prediction log; default: the one of the settings")
    parser.add_argument(
        "--output", type=Path, default=Path("data/drift"), help="the folder to write"
    )
    options = parser.parse_args(arguments)
    try:
        if options.last < options.first:
            raise ValueError(f"--from {options.first} is after --to {options.last}")
        settings = read_settings()
        made = report(
            Comparison(ModelFolder(settings.model_dir)),
            options.log or settings.prediction_log,
            options.first,
            options.last,
            options.by,
            options.output,
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"no report was written: {error}\n")
        return 1
    sys.stdout.write(_table(made))
    sys.stdout.write(f"Open {options.output / 'report.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
