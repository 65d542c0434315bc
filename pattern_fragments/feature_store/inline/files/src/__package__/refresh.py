"""Bring the entity features up to date.

The command is `python -m __package__.refresh`.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .domain import data
from .feature_store.offline import snapshot_of
from .feature_store.online import snapshot_path
from .model_folder import ModelFolder
from .settings import Settings


def refresh(settings: Settings, as_of: datetime | None) -> None:
    """Replace the snapshot by one as of a moment, or of the newest data there is."""
    folder = ModelFolder(settings.model_dir)
    signature = folder.read_signature()
    end = datetime.now(UTC) if as_of is None else as_of + timedelta(seconds=1)
    snapshot = snapshot_of(data.events(data.PERIOD.start, end), signature.inputs, as_of)
    path = snapshot_path(folder, settings)
    snapshot.write(path)
    moment = datetime.fromtimestamp(snapshot.as_of, UTC)
    sys.stdout.write(f"{path}: entity features as of {moment:%Y-%m-%d %H:%M} UTC\n")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when the old snapshot stays."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.refresh",
        description="Bring the entity features up to date.",
    )
    parser.add_argument(
        "--as-of", type=_moment, help="ISO 8601, UTC without an offset; default: the newest data"
    )
    options = parser.parse_args(arguments)
    try:
        refresh(Settings(), options.as_of)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"the snapshot stays as it was: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
