"""Bring the entity features up to date.

The command is `python -m __package__.refresh`.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .domain import data
from .feature_matrix import ENTITIES, LONGEST_WINDOW
from .feature_store.offline import snapshot_of
from .feature_store.snapshot import FILE_NAME, Snapshot, snapshot_path
from .model_folder import ModelFolder
from .period import given_moment
from .settings import Settings, read_settings


def refresh(settings: Settings, as_of: datetime | None) -> None:
    """Replace the snapshot by one as of a moment, or of the end of the data there is.

    Raises ValueError, and leaves the old one, when a table has no events; and, unless a moment is
    given, when a table has gone back behind what the old snapshot knew.
    """
    folder = ModelFolder(settings.model_dir)
    signature = folder.read_signature()
    if not ENTITIES:
        raise ValueError("no feature comes from an entity's history, so there is none to refresh")
    path = snapshot_path(folder, settings)
    if as_of is None:
        old = Snapshot.read(path if path.exists() else folder.path / FILE_NAME)
        since, end = datetime.fromtimestamp(old.data_as_of, UTC), datetime.now(UTC)
    else:
        old, since, end = None, as_of, as_of + timedelta(seconds=1)
    events = data.events(since - LONGEST_WINDOW, end)
    snapshot = snapshot_of(events, signature.inputs, as_of)
    if old is not None:
        _check_progress(old, snapshot)
    snapshot.write(path)
    sys.stdout.write(f"{path}: entity features as of {_minute(snapshot.as_of)}")
    for table, newest in snapshot.newest.items():
        sys.stdout.write(f"; {table} until {_minute(newest)}")
    sys.stdout.write("\n")
    if snapshot.missing:
        sys.stderr.write(
            f"warning: no entity has {', '.join(snapshot.missing)}: their table holds nothing so"
            " recent\n"
        )


def _check_progress(old: Snapshot, new: Snapshot) -> None:
    for table, newest in new.newest.items():
        if newest < old.newest.get(table, newest):
            raise ValueError(
                f"{table} ends at {_minute(newest)}, that of the old snapshot at"
                f" {_minute(old.newest[table])}; give --as-of to go back"
            )


def _minute(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when the old snapshot stays."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.refresh",
        description="Bring the entity features up to date.",
    )
    parser.add_argument(
        "--as-of", type=given_moment, help="ISO 8601, in UTC without an offset; the newest data"
    )
    options = parser.parse_args(arguments)
    try:
        refresh(read_settings(), options.as_of)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"the snapshot stays as it was: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
