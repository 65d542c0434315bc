"""The keys that are good now: read from their file, and again when it has changed."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path

from ..gauges import Gauge
from .key_file import Caller, is_readable_by_all, read
from .rates import Bucket

LOOK_EVERY_S = 2.0
"""A key that was added or removed counts after so many seconds at the latest."""

COMPLAIN_EVERY_S = 60.0
"""A file that cannot be read is logged at once, and then so often."""

Stamp = tuple[int, ...]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A caller, how long its key is good, and what is left of its share."""

    caller: Caller
    ends: float
    """In seconds since 1970 UTC."""
    bucket: Bucket


class Keyring:
    """Finds who a key belongs to. It is used by one thread.

    A file that cannot be read any more changes nothing: the keys stay as they were, also one that
    was to be taken back; an error is logged, and `unread_s` grows. `now` is in seconds of a clock
    that does not go back. Raises OSError and ValueError when there is no good file at the start.
    """

    def __init__(self, path: Path, now: float) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._known: Mapping[bytes, Known] = {}
        self._known = self._read(now)
        self._look_at = now + LOOK_EVERY_S
        self._unread_since: float | None = None
        self._quiet_until = now

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def find(self, key: bytes, now: float) -> Known | None:
        """Whose key it is, good or past its end; None when it is nobody's.

        It is looked up by its hash. How long that takes may tell of the hash of what was sent,
        which says nothing of a key that is good: nobody can steer a hash towards another one.
        """
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self._look(now)
        return self._known.get(sha256(key).digest())

    def unread_s(self, now: float) -> float:
        """For so long the file could not be read when it was looked at; 0 when it can."""
        return 0.0 if self._unread_since is None else now - self._unread_since

    def _look(self, now: float) -> None:
        """Read the file again if it is another one than before, or could not be read."""
        stamp = _stamp(self._path)
        if stamp == self._seen and self._unread_since is None:
            return
        try:
            self._known = self._read(now)
        except (OSError, ValueError) as error:
            if self._unread_since is None:
                self._unread_since = self._quiet_until = now
            if now >= self._quiet_until:
                self._quiet_until = now + COMPLAIN_EVERY_S
                logger.error("the keys stay as they were: %s", error)
        else:
            self._unread_since = None
            logger.info("the keys were read again", extra={"keys": len(self._known)})
        self._seen = stamp

    def _read(self, now: float) -> Mapping[bytes, Known]:
        callers = read(self._path)
        if is_readable_by_all(self._path):
            logger.warning(
                "everybody on this machine may read who the callers are; unless a container"
                " needs it: chmod o-r %s",
                self._path,
            )
        before = {known.caller.name: known for known in self}
        return {
            bytes.fromhex(caller.sha256): Known(
                caller, _end_of(caller), _bucket_of(caller, before.get(caller.name), now)
            )
            for caller in callers
        }


def ends_of(keyring: Keyring) -> Gauge:
    """When the keys end that do: a caller whose key has ended is a stranger."""
    return Gauge(
        "caller_key_end_timestamp_seconds",
        "When the key of a caller ends",
        lambda: {
            (known.caller.name,): known.ends for known in keyring if known.ends < float("inf")
        },
        labels=("caller",),
    )


def unread_of(keyring: Keyring, clock: Callable[[], float]) -> Gauge:
    """For how long keys that were to be taken back are still good."""
    return Gauge(
        "caller_keys_unread_seconds",
        "For so long the file of keys could not be read, and those from before are good; or 0",
        lambda: keyring.unread_s(clock()),
    )


def _stamp(path: Path) -> Stamp:
    """What changes with the file; nothing when it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - it is asked every few seconds
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _end_of(caller: Caller) -> float:
    """The end of the last day on which its key is good, in seconds since 1970 UTC."""
    if caller.expires is None:
        return float("inf")
    return (datetime.combine(caller.expires, time(), UTC) + timedelta(days=1)).timestamp()


def _bucket_of(caller: Caller, before: Known | None, now: float) -> Bucket:
    """A new file gives nobody a new burst, unless it changes their share."""
    if before is not None:
        share = (before.caller.requests_per_s, before.caller.burst)
        if share == (caller.requests_per_s, caller.burst):
            return before.bucket
    return Bucket(caller.requests_per_s, caller.burst, now)
