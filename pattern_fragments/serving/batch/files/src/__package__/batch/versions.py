"""Where predictions lie, and how they are published.

    output/date=2013-07-01 -> .versions/date=2013-07-01/3f2a9c1b77aa     what is published, a link
    output/.versions/date=2013-07-01/3f2a9c1b77aa/                       a version, never changed
    output/.versions/date=2013-07-01/8d1e55c0a2f4.partial/               work in progress
    output/.versions/date=2013-07-01/published                           the versions, in order
    output/.versions/date=2013-07-01/held                                while a rollback holds
    output/.trial-k3x9/                                                  a trial at work

The link is replaced in one step of the file system: a reader finds the old version or the new one.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

PARTIAL = ".partial"
REMOVED = ".removed"
TRIAL = ".trial-"
ABANDONED_S = 86_400
"""A trial this old was killed: no job may last that long."""


class Day:
    """The versions of one day's predictions."""

    def __init__(self, output: Path, day: date) -> None:
        self.link = output / f"date={day}"
        self.folder = output / ".versions" / self.link.name
        self._history = self.folder / "published"
        self._held = self.folder / "held"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs of this day away; raises ValueError when there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(f"another run is at work on {self.link}") from None
            yield

    @property
    def published(self) -> str | None:
        """The version that readers find, or None."""
        return self.link.readlink().name if self.link.is_symlink() else None

    @property
    def held(self) -> bool:
        """Whether a rollback holds: only a run with `--again` publishes anew."""
        return self._held.exists() and self.link.exists()

    def version(self, identity: str, again: bool) -> str:
        """The version to work on: one that was begun, one that is complete, or a new one.

        With `again` it is a new one, and what was begun is removed.
        """
        begun = list(self.folder.glob(f"{identity}*{PARTIAL}"))
        if begun and not again:
            return begun[0].name.removesuffix(PARTIAL)
        for folder in begun:
            _remove(folder)
        names = [path.name for path in self.folder.glob(f"{identity}*")]
        complete = sorted(name for name in names if not name.endswith(REMOVED))
        if complete and not again:
            return self.published if self.published in complete else complete[-1]
        numbers = [int(name.partition(".")[2] or 1) for name in complete]
        return f"{identity}.{max(numbers) + 1}" if numbers else identity

    def complete(self, version: str) -> bool:
        """Whether all of a version is written."""
        return (self.folder / version).is_dir()

    def partial(self, version: str) -> Path:
        """The folder in which a version is made."""
        folder = self.folder / f"{version}{PARTIAL}"
        folder.mkdir(exist_ok=True)
        return folder

    def finish(self, version: str) -> None:
        """Turn work in progress into a version."""
        partial = self.partial(version)
        sync(partial)
        partial.rename(self.folder / version)
        sync(self.folder)

    def publish(self, version: str, keep: int) -> None:
        """Let readers find a version, and keep so many of those published before, this included."""
        if self.link.exists() and not self.link.is_symlink():
            raise ValueError(f"{self.link} is no link to a version: move it away")
        history = [name for name in self._read_history() if name != version] + [version]
        self._write_history(history[-keep:])
        self._held.unlink(missing_ok=True)
        self._point_to(version)
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in history[-keep:]:
                _remove(path)

    def roll_back(self) -> str:
        """Let readers find the version published before; raises ValueError when there is none."""
        history = self._read_history()
        current = self.published
        if current is None:
            raise ValueError(f"{self.link} is not published")
        before = history[: history.index(current)] if current in history else history
        before = [name for name in before if self.complete(name)]
        if not before:
            raise ValueError(f"no version of {self.link} published before {current} is kept")
        write(self._held, b"")
        self._write_history(before)
        self._point_to(before[-1])
        return before[-1]

    def _point_to(self, version: str) -> None:
        scratch = self.folder / ".link"
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(Path(".versions") / self.link.name / version)
        scratch.replace(self.link)
        sync(self.link.parent)

    def _read_history(self) -> list[str]:
        return self._history.read_text().split() if self._history.exists() else []

    def _write_history(self, versions: list[str]) -> None:
        write(self._history, "".join(f"{version}\n" for version in versions).encode())


def newest_day(output: Path, until: date) -> date | None:
    """The newest day up to `until` that readers find predictions of, or None."""
    days = [_day(path.name) for path in output.glob("date=*") if path.exists()]
    return max((day for day in days if day and day <= until), default=None)


def _day(name: str) -> date | None:
    """The day of a folder; None when somebody has given it another name, such as date=x.bak."""
    try:
        return date.fromisoformat(name.removeprefix("date="))
    except ValueError:
        return None


def remove_abandoned_trials(output: Path) -> None:
    """Remove the folders of trials that were killed."""
    for folder in output.glob(f"{TRIAL}*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(folder)


def write(path: Path, content: bytes) -> None:
    """Replace a file so that it is there, whole, even after the machine has lost its power.

    Nobody else may write to it at the same time.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Remove a version: its name goes first, so that a half removed one is taken for none."""
    if not folder.name.endswith(REMOVED):
        folder = folder.rename(folder.with_name(f"{folder.name}{REMOVED}"))
    shutil.rmtree(folder)
