"""Bring the online store up to the newest features.

The command is `python -m __package__.materialize`.
Each run computes the rows that the offline store lacks, and writes the newest of each entity into
the online store. One that was killed is simply run again.
"""

import argparse
import fcntl
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import RedisError

from .domain import data
from .feature_matrix import ENTITIES, LONGEST_WINDOW
from .feature_store.grid import end_of, last_moment, moment_before, newest_events, write_rows
from .feature_store.readers import Reader, SqliteReader, is_redis, reader_of
from .feature_store.tables import ONLINE_FILE, Freshness, read_freshness
from .feature_store.versions import INTERVAL
from .period import given_moment
from .settings import Settings, read_settings

TIMEOUT_S = 30.0
"""Of an answer of Redis: many rows go with one call."""


def bring_up(settings: Settings, as_of: datetime | None) -> str:
    """Materialise up to a moment, or up to the newest event; what is to be said about it.

    Raises ValueError, and leaves the online store as it was, when a table holds no event or ends
    earlier than the store knows it, or when one of the stores is ahead of the moment; and when the
    online store does not hold afterwards what was written.
    """
    if not ENTITIES:
        raise ValueError("no feature comes from an entity's history")
    own = settings.model_dir / ONLINE_FILE
    reader = reader_of(settings.online_store, own, TIMEOUT_S)
    with _alone(settings.offline_store):
        online, offline = _freshness(settings, reader), last_moment(settings.offline_store)
        if as_of is not None:
            _check_forward(moment_before(as_of.timestamp()), online, offline)
        since = offline or _start(online, own, as_of)
        end = datetime.now(UTC) if as_of is None else as_of + timedelta(seconds=1)
        events = data.events(datetime.fromtimestamp(since, UTC) - LONGEST_WINDOW, end)
        newest = newest_events(events)
        moment = moment_before(end_of(newest) if as_of is None else as_of.timestamp())
        _check_forward(moment, online, offline)
        if online is not None:
            _check_progress(online, newest)
        first = int(since) + INTERVAL
        if offline is None:
            # A new folder may stand beside an online store that lacks nothing, or everything.
            first = moment if online is None else min(first, moment)
        if first <= moment:
            write_rows(settings.offline_store, events, first, moment)
        _write_online(settings, own, moment if online is None else int(online.as_of), moment)
        written = read_freshness(reader)
        if written is None or written.as_of != moment:
            raise ValueError(f"{reader} does not hold what was written for {_minute(moment)}")
    known = newest_events(events, moment)
    tables = "".join(f"; {table} until {_minute(last)}" for table, last in known.items())
    return f"{reader}: entity features as of {_minute(moment)}{tables}"


def _freshness(settings: Settings, reader: Reader) -> Freshness | None:
    store = settings.online_store
    if store is not None and not is_redis(store) and not Path(store).exists():
        return None
    return read_freshness(reader)


def _start(online: Freshness | None, own: Path, as_of: datetime | None) -> float:
    """From when on rows are missing, where there is no offline store yet."""
    if online is not None:
        return online.as_of
    if as_of is not None:
        return moment_before(as_of.timestamp())
    trained = read_freshness(SqliteReader(own))
    if trained is None:
        raise ValueError("the model is of another version of the features: train again")
    return trained.as_of


def _write_online(settings: Settings, own: Path, start: int, end: int) -> None:
    # Importing Feast takes seconds, and what is wrong shows before.
    from .feature_store.materialization import materialize
    from .feature_store.repository import feature_store, in_redis, in_sqlite

    store = settings.online_store
    if store is not None and is_redis(store):
        online = in_redis(store, TIMEOUT_S)
    else:
        path = own if store is None else Path(store)
        path.parent.mkdir(parents=True, exist_ok=True)
        online = in_sqlite(path)
    with feature_store(settings.offline_store, online) as feast:
        materialize(feast, start, end)


def _check_forward(moment: int, online: Freshness | None, offline: int | None) -> None:
    known = (("online", None if online is None else online.as_of), ("offline", offline))
    for store, last in known:
        if last is not None and moment < last:
            raise ValueError(
                f"the {store} store holds features as of {_minute(last)} already, and does not go"
                f" back to {_minute(moment)}"
            )


def _check_progress(online: Freshness, newest: dict[str, float]) -> None:
    for table, last in newest.items():
        if last < online.newest[table]:
            raise ValueError(
                f"{table} ends at {_minute(last)}, and did end at {_minute(online.newest[table])}"
            )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of an offline store; raises ValueError when somebody else does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another materialisation works on {folder}") from None
        yield


def _minute(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when the online store is not up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.materialize",
        description="Bring the online store up to the newest features.",
    )
    parser.add_argument(
        "--as-of", type=given_moment, help="ISO 8601, in UTC without an offset; the newest data"
    )
    options = parser.parse_args(arguments)
    try:
        said = bring_up(read_settings(), options.as_of)
    except (ValueError, OSError, sqlite3.Error, RedisError) as error:
        sys.stderr.write(f"nothing was brought up to date: {error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
