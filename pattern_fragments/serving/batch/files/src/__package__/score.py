"""Score the files of a day, or of several.

The command is `python -m __package__.score`.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from . import logs
from .batch import DATE
from .batch.cores import cores
from .batch.ending import Told, ending
from .period import given_day
from .settings import Settings, read_settings

logger = logging.getLogger(__name__)

FAILED, WRONG, TOO_MANY_BAD_ROWS = 1, 2, 3
"""Exit codes. A second try may mend the first; it mends no argument, no setting and no row."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when every day is published."""
    options = _parser().parse_args(arguments)
    ending.listen()
    try:
        return _run(options)
    except Told as told:
        sys.stderr.write(
            f"ended by {told}; what is done stays, and the next run without --again goes on there\n"
        )
        return told.code


def today() -> date:
    """The day that the schedule's run is for."""
    return datetime.now(UTC).date()


def _run(options: argparse.Namespace) -> int:
    code = WRONG
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        scheduled = today()
        _check_places(settings)
        days = _days(options, settings, scheduled)
        code = FAILED
        if options.rollback:
            return _roll_back(settings, days[0])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot score: {error}\n")
        return code
    # The figures of a past day would take the place of the last night's.
    reported = () if options.trial else days if options.report else (scheduled,)
    codes = [_score(settings, day, options, day in reported) for day in days]
    # Another try goes over all days: it costs little where it mends nothing.
    return FAILED if FAILED in codes else max(codes)


def _score(settings: Settings, day: date, options: argparse.Namespace, reports: bool) -> int:
    """Score a day; the exit code."""
    # polars takes as many threads as there are cores unless it is told when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", str(settings.workers or cores()))
    from .batch.figures import Figures
    from .batch.manifest import NoManifest
    from .batch.run import run_day, try_day
    from .batch.share import TooManyBadRows

    figures = Figures(settings, day, is_trial=options.trial)
    code = FAILED
    try:
        if options.trial:
            try_day(settings, day, figures)
        else:
            run_day(settings, day, options.again, figures)
        code = 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{day} was not published: {error}\n")
        codes: dict[type[Exception], int] = {TooManyBadRows: TOO_MANY_BAD_ROWS, NoManifest: WRONG}
        code = codes.get(type(error), FAILED)
    except Exception:
        # Whatever it is, it keeps no other day from being scored.
        logger.exception("%s was not published", day)
    except Told:
        # A node that is drained is no failure: the next attempt goes on, and reports.
        reports = False
        raise
    finally:
        with ending.held_back():
            figures.end()
        if reports:
            figures.report(failed=code != 0)
    return code


def _roll_back(settings: Settings, day: date) -> int:
    from .batch.versions import Day

    place = Day(settings.output, day)
    with place.locked():
        try:
            version = place.roll_back()
        except ValueError as error:
            sys.stderr.write(f"cannot roll back: {error}\n")
            return WRONG
    sys.stdout.write(f"{place.link} is version {version} again\n")
    return 0


def _check_places(settings: Settings) -> None:
    """Raise ValueError for braces that nothing is put into: a folder would be called so."""
    for name, place, instead in (
        ("SERVICE_INPUT", settings.input.replace(DATE, ""), f"the day is {DATE}"),
        ("SERVICE_INPUT_MARKER", settings.input_marker.replace(DATE, ""), f"the day is {DATE}"),
        ("SERVICE_OUTPUT", str(settings.output), "each day gets a folder of its own in it"),
    ):
        if found := re.search(r"\{.*?\}", place):
            raise ValueError(f"{name}: nothing is put into {found[0]}; {instead}")


def _days(options: argparse.Namespace, settings: Settings, scheduled: date) -> list[date]:
    first, last = options.first, options.last
    if options.rollback:
        others = (first, last, options.again, options.trial, options.report)
        if options.date is None or any(others):
            raise ValueError("--rollback goes with --date, and with nothing else")
        return [options.date]
    if (first is None) != (last is None):
        raise ValueError("--from and --to belong together")
    if first is None or last is None:
        return [options.date or scheduled]
    if options.date is not None:
        raise ValueError("--from and --to do not go with --date")
    if last < first:
        raise ValueError(f"--from {first} is after --to {last}")
    if DATE not in settings.input:
        raise ValueError(
            f"SERVICE_INPUT={settings.input} is the same for every day: put {DATE} into it"
        )
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m __package__.score",
        description="Score the files of a day and publish the predictions.",
    )
    parser.add_argument("--date", type=given_day, help="the day, in UTC; today when not given")
    parser.add_argument("--from", type=given_day, dest="first", help="the first day of a backfill")
    parser.add_argument("--to", type=given_day, dest="last", help="its last day, included")
    parser.add_argument(
        "--again",
        action="store_true",
        help="score anew, from the beginning, even what has not changed or was rolled back",
    )
    parser.add_argument(
        "--trial", action="store_true", help="score a part of it, and publish nothing"
    )
    parser.add_argument(
        "--report", action="store_true", help="report the figures of past days as those of today"
    )
    parser.add_argument(
        "--rollback", action="store_true", help="publish the version before, and score nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
