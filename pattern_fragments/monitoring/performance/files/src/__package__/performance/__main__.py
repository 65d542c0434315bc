"""Compare predictions with their outcomes.

The command is `python -m __package__.performance`.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from ..model_folder import ModelFolder
from ..object_store import ERRORS, is_url
from ..period import start_of_day
from ..settings import Settings, read_settings
from . import summary
from .run import state, summarise
from .windows import KINDS

DAY = timedelta(days=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when nothing could be computed.

    That nothing was predicted, or no outcome is known yet, is an answer.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.log and not is_url(options.log) and not Path(options.log).is_dir():
        parser.error(f"--log: there is no folder {options.log}")
    try:
        given = read_settings()
        settings = _settings(given, options)
        computed = summarise(
            settings,
            since=options.first,
            until=None if options.last is None else options.last + DAY,
            as_of=options.as_of,
            progress=_tell,
        )
        # A look at another log is not what the service shows of its own.
        where = options.summary or (None if options.log else settings.performance_summary)
        if where is not None:
            summary.write(computed, where)
            sys.stdout.write(f"{where}\n")
        if options.html is not None:
            # Only here are plots drawn: the image has no matplotlib.
            from .report import write_report

            write_report(options.html, computed, ModelFolder(settings.model_dir))
            sys.stdout.write(f"{options.html}\n")
    except ImportError as error:
        sys.stderr.write(f"--html needs the dependencies of training: {error}\n")
        return 1
    except (*ERRORS, ValueError) as error:
        sys.stderr.write(f"performance is not known: {error}\n")
        return 1
    sys.stdout.write(f"{state(computed)}\n")
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _settings(given: Settings, options: argparse.Namespace) -> Settings:
    changes = {
        "prediction_log": options.log,
        "outcomes": options.outcomes,
        "performance_window": options.window,
    }
    return given.model_copy(update={name: value for name, value in changes.items() if value})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m __package__.performance",
        description="Compare predictions with their outcomes.",
    )
    parser.add_argument("--log", help="another prediction log than that of the settings")
    parser.add_argument("--outcomes", help="other outcomes than those of the settings")
    parser.add_argument("--window", choices=KINDS, help="what is looked at as one")
    parser.add_argument(
        "--from",
        type=start_of_day,
        dest="first",
        help="a day of the first window, which counts as a whole; 92 days back",
    )
    parser.add_argument(
        "--to", type=start_of_day, dest="last", help="a day of the last window; today"
    )
    parser.add_argument("--as-of", type=start_of_day, help="with the outcomes known by then; now")
    parser.add_argument("--summary", help="where to write the figures; with --log: nowhere")
    parser.add_argument("--html", type=Path, help="where to write a report with plots")
    return parser


if __name__ == "__main__":
    sys.exit(main())
