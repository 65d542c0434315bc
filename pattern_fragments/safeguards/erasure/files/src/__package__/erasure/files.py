"""Replacing files so that what was removed is off the disk, and nothing else is lost."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..model_folder import write_atomically

TRIES = 3
"""A file may go, or be replaced by another process, while it is looked at."""


class ChangedError(Exception):
    """Somebody else has changed the file since it was read."""


class State(NamedTuple):
    """What tells whether a file was changed or replaced."""

    inode: int
    size: int
    changed_ns: int


def state_of(path: Path) -> State:
    """That of a file; raises FileNotFoundError."""
    found = path.stat()
    return State(found.st_ino, found.st_size, found.st_mtime_ns)


def replace(path: Path, content: bytes, seen: State) -> None:
    """Put another content in the place of the one that was seen; raises ChangedError, OSError."""
    if not path.exists() or state_of(path) != seen:
        raise ChangedError(path)
    rights = path.stat()
    write_atomically(path, content)
    # Whose file it was, and who may read it, is not for this process to change.
    with suppress(PermissionError):
        os.chown(path, rights.st_uid, rights.st_gid)
    path.chmod(stat.S_IMODE(rights.st_mode))
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Delete a file; one that somebody else was faster to delete is no error."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk: a machine that fails brings no old file back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unreadable(file: str, error: BaseException) -> ValueError:
    """That a file cannot be read, and why."""
    return ValueError(f"{file} cannot be read: {str(error).strip().splitlines()[0]}")
