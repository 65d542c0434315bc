"""Check the patterns of a catalogue: `python -m hooks.check_patterns [paths]`.

Each finding is one line, `file:line: field: what is wrong; what is possible instead`.
Exit status: 0 nothing found, 1 findings, 2 nothing could be checked.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .catalogue import FRAGMENTS, Catalogue, NoCatalogueError, read_catalogue
from .file_rules import check_files
from .findings import Finding, report
from .golden_paths import check_golden_paths
from .manifest_rules import check_manifest, check_together


def find_all(catalogue: Catalogue) -> list[Finding]:
    """Every finding about a catalogue, in order of file and line."""
    found = sorted(set(_raw_findings(catalogue)))
    # On a line with a blank, the blank is the finding; what else is wrong there follows from it.
    blanks = {(finding.path, finding.line) for finding in found if finding.field == "blank"}
    return [finding for finding in found if finding.field == "blank" or (finding.path, finding.line) not in blanks]


def _raw_findings(catalogue: Catalogue) -> Iterator[Finding]:
    yield from catalogue.findings
    for folder in catalogue.folders:
        yield from check_files(catalogue, folder)
    for folder, manifest in catalogue.patterns:
        yield from check_manifest(catalogue, folder, manifest)
    yield from check_together(catalogue)
    yield from check_golden_paths(catalogue)
    for decision in sorted((catalogue.root / FRAGMENTS).glob("*")):
        if decision.is_dir() and decision.name not in catalogue.order and any(decision.iterdir()):
            yield Finding(decision, 1, "folder", f"{decision.name} is no decision; copier.yml lists them")


def find_root(start: Path) -> Path:
    """The closest folder at or above `start` that holds a copier.yml, else `start`."""
    for folder in (start, *start.parents):
        if (folder / "copier.yml").is_file():
            return folder
    return start


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry point."""
    parser = argparse.ArgumentParser(prog="check-patterns", description=__doc__)
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        help="report only what lies at or below these paths (all patterns are read in any case)",
    )
    options = parser.parse_args(arguments)
    paths: list[Path] = [path.resolve() for path in options.paths]
    for path in paths:
        if not path.exists():
            print(f"{path} does not exist; give folders or files of the catalogue", file=sys.stderr)
            return 2
    start = paths[0] if paths else Path.cwd()
    root = find_root(start if start.is_dir() else start.parent)
    try:
        catalogue = read_catalogue(root)
    except NoCatalogueError as error:
        print(error, file=sys.stderr)
        return 2
    found = find_all(catalogue)
    if paths:
        found = [finding for finding in found if any(finding.path.is_relative_to(path) for path in paths)]
    status = report(found, root)
    if status == 0:
        print(f"{len(catalogue.folders)} patterns checked, nothing found", file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
