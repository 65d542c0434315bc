"""Command line entry point of the fleet report."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from ..catalogue import NoCatalogueError, read_catalogue
from ..check_patterns import find_root
from ..findings import report as print_findings
from .as_json import to_json
from .git_state import empty_repository, read_git_state
from .page import to_html
from .places import Place, UsageError, find_places
from .plain import plain
from .report import Report, ServiceRow, make_row
from .service import Service, read_service
from .table import lines
from .template import Revision, Template

STDOUT = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Report on a fleet; 0 when it is told, 1 when it is strict and something is to be done, 2 when it cannot begin."""
    options = _parser().parse_args(arguments)
    try:
        catalogue = read_catalogue(find_root(options.template.resolve()))
        if catalogue.findings:
            # A pattern whose manifest cannot be read would be unknown in every service.
            return 2 * print_findings(catalogue.findings, catalogue.root)
        if not options.places:
            raise UsageError('No service is named; make fleet REPOS="../services" or a file that lists them')
        report = make_report(options.places, Template(catalogue), options.today)
        for target, text in ((options.json, to_json), (options.html, to_html)):
            if target:
                _write(target, text(report))
    except (NoCatalogueError, UsageError) as error:
        print(error, file=sys.stderr)
        return 2
    if STDOUT not in (options.json, options.html):
        sys.stdout.write("\n".join(lines(report, options.brief)) + "\n")
    return 1 if options.strict and any(finding.grave for finding in report.findings) else 0


def make_report(arguments: Sequence[str], template: Template, today: date) -> Report:
    """Read every service that the arguments name; raises UsageError where they name nothing."""
    with TemporaryDirectory(prefix="fleet-") as scratch:
        ours = empty_repository(Path(scratch, "ours"))
        places = find_places(arguments, Path(scratch))
        rows = tuple(_row(place, ours, template, today) for place in places)
    return Report(today, template.head, template.shallow, len(template.by_id), rows)


def _row(place: Place, ours: Path, template: Template, today: date) -> ServiceRow:
    if place.problem:
        return ServiceRow(place.shown, Service(place.shown, problems=(place.problem,)), Revision(""))
    service = read_service(place.folder)
    return make_row(place, service, read_git_state(place.folder, place.top, ours), template, today)


def _write(target: str, text: str) -> None:
    """Write a whole file or none; `-` is the standard output."""
    if target == STDOUT:
        sys.stdout.write(text)
        return
    path = Path(target)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"{target} cannot be written: {error.strerror}; name another file") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{plain(text)} is no day; write it as 2027-06-30") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hooks.fleet",
        description="What a fleet of services is made of, and how far each is behind this catalogue.",
    )
    parser.add_argument(
        "places",
        nargs="*",
        metavar="FOLDER|LIST|URL",
        help="a folder of services (one or two levels deep), a file with one folder or git URL a line, or a git URL",
    )
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON (- for standard output)")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML page (- for standard output)")
    parser.add_argument("--brief", action="store_true", help="leave patterns that are current out of the table")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when something is to be done")
    parser.add_argument(
        "--today",
        type=_day,
        default=date.today(),  # noqa: DTZ011 - the day where the command is run
        metavar="DAY",
        help="the day that deprecations are compared with",
    )
    parser.add_argument(
        "--template", type=Path, default=Path.cwd(), metavar="FOLDER", help="another checkout of the template"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
