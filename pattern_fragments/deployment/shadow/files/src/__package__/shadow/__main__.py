"""How far champion and candidate agree, and whether the candidate is fit to be promoted.

The command is `python -m __package__.shadow report`.

It judges SERVICE_SHADOW_CANDIDATE on the days of SERVICE_SHADOW_PERIOD, once they are over. Others
can be looked at, and get no verdict:

    --from 2013-07-01 --to 2013-07-07
    --from 2013-07-01T06:30:00Z --to 2013-07-01T18:00:00Z

Days are in UTC, and the last is included; of two moments the second is not.
It needs the dependencies of training.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ..model_folder import write_atomically
from ..settings import Settings, read_settings
from .comparison import Compared, compare, in_short
from .window import DAY, Window, fixed, in_time

FAILED, NOT_FIT = 1, 3
"""Exit codes."""


def report(compared: Compared, output: Path) -> None:
    """Write report.html and report.json into `output`."""
    # matplotlib takes a second: whoever only compares does not wait for it.
    from .page import html

    write_atomically(output / "report.html", html(compared).encode())
    content = msgspec.json.format(msgspec.json.encode(compared.comparison)) + b"\n"
    write_atomically(output / "report.json", content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the candidate is fit, 3 when it is not, 1 without a report."""
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        window = _window(options, settings)
        candidate = options.candidate or settings.shadow_candidate
        period = in_time(settings, window, candidate, datetime.now(UTC))
        compared = compare(settings, window, period, options.share, candidate)
        report(compared, options.output)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"no report was written: {error}\n")
        return FAILED
    sys.stdout.write(in_short(compared.comparison))
    sys.stdout.write(f"Open {options.output / 'report.html'}\n")
    return 0 if compared.comparison.verdict.fit else NOT_FIT


def _window(options: argparse.Namespace, settings: Settings) -> Window:
    """What to compare; raises ValueError when nobody says it."""
    if options.since is None and options.until is None:
        if (window := fixed(settings)) is None:
            raise ValueError("SERVICE_SHADOW_PERIOD is empty: name days, or look with --from, --to")
        return window
    if options.since is None or options.until is None:
        raise ValueError("--from and --to belong together")
    if options.until <= options.since:
        raise ValueError(f"--from {options.since} is not before --to {options.until}")
    return Window(options.since, options.until)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m __package__.shadow",
        description="Compare a champion with its candidate.",
    )
    command = parser.add_subparsers(required=True).add_parser(
        "report", help="compare the two logs, and write report.html and report.json"
    )
    command.add_argument(
        "--from", type=_start, dest="since", help="only look: the first day, or a moment, UTC"
    )
    command.add_argument(
        "--to", type=_end, dest="until", help="only look: the last day, or a moment, UTC"
    )
    command.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="the share of the predictions that the candidate was asked; default: 1",
    )
    command.add_argument(
        "--candidate",
        default="",
        help="only look: its version; default: SERVICE_SHADOW_CANDIDATE, else the newest there",
    )
    command.add_argument(
        "--output", type=Path, default=Path("data/shadow"), help="the folder to write"
    )
    return parser


def _start(text: str) -> datetime:
    """A moment, or the first one of a day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no day such as 2013-07-01, and no moment such as 2013-07-01T06:30:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _end(text: str) -> datetime:
    """A moment, or the end of a day."""
    return _start(text) + (DAY if len(text) == len("2013-07-01") else timedelta(0))


if __name__ == "__main__":
    sys.exit(main())
