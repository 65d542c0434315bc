"""Delete what was logged longer ago than it may be kept.

The command is `python -m __package__.retention`.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .erasure.files import ChangedError
from .settings import read_settings
from .wiring import build_places

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when something that is too old is still there."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.retention",
        description="Delete what was logged longer ago than SERVICE_RETENTION_DAYS.",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        places = build_places(settings)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"nothing was deleted: {error}\n")
        return FAILED
    before = datetime.now(UTC).date() - timedelta(days=settings.retention_days)
    code = 0
    for place in places:
        if not place.is_here():
            sys.stdout.write(f"{place.setting}: nothing is there, so nothing was looked at\n")
            continue
        try:
            found = place.expire(before, dry_run=options.dry_run)
        except (OSError, ValueError, ChangedError) as error:
            # What is wrong with one place keeps nobody's data in the others.
            sys.stderr.write(f"{place.setting}: not all of it could be deleted: {error}\n")
            code = FAILED
            continue
        done = "would be" if options.dry_run else "were"
        sys.stdout.write(
            f"{place.setting}: {found.removed:,} files from before {before} {done} deleted,"
            f" {found.shortened:,} shortened\n"
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
