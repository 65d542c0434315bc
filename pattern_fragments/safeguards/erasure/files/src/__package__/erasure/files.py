"""Replacing files so that what was removed is off the disk, and nothing else is lost."""

import os
from pathlib import Path

from ..model_folder import write_atomically

TRIES = 3
"""A file may go, or be replaced by another process, while it is looked at."""


class ChangedError(Exception):
    """Somebody else has changed the file since it was read."""


def state_of(path: Path) -> tuple[int, int, int]:
    """What tells whether a file was changed or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def replace(path: Path, content: bytes, seen: tuple[int, int, int]) -> None:
    """Put another content in the place of the one that was seen; raises ChangedError, OSError."""
    if not path.exists() or state_of(path) != seen:
        raise ChangedError(path)
    write_atomically(path, content)
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
