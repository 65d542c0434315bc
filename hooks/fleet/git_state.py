"""What git knows of a service, without running git in its repository.

A repository's own configuration can name programs that git then runs (filters, a file system
monitor, a transport). So its HEAD is read as a file, and its objects by git in an empty repository
of ours, whose configuration is ours.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from ..git import GitError, git
from ..patterns_lock import ANSWERS, LOCK
from .plain import plain
from .service import UnreadableError, read_bytes

MAX_REFERENCES = 5_000_000
OBJECT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class GitState:
    """The checked-out commit of a service's repository; empty what is not known."""

    branch: str = ""
    """Empty where a commit is checked out and no branch."""
    commit: str = ""
    date: str = ""
    """The day of the commit, as YYYY-MM-DD."""
    uncommitted: tuple[str, ...] = ()
    """Which of the files that were read differ from the commit, or are not in it."""
    note: str = ""
    """Why nothing more is known."""

    @property
    def said(self) -> str:
        """The state in words."""
        if self.note:
            return f"{self.branch}: {self.note}" if self.branch else self.note
        where = f"{self.branch or 'no branch'} {self.commit[:7]} of {self.date}"
        return f"{where}, {' and '.join(self.uncommitted)} not committed" if self.uncommitted else where


def empty_repository(folder: Path) -> Path:
    """Make the repository from which objects are looked at."""
    git("init", "--quiet", "--bare", "--template=", str(folder))
    return folder


def read_git_state(folder: Path, top: Path, ours: Path) -> GitState | None:
    """The state of the repository that holds `folder`, if it lies at or below `top`; None where there is none."""
    for root in (folder, *folder.parents):
        store = root / ".git"
        if store.is_symlink() or store.is_file():
            return GitState(note="the .git leads elsewhere, which is not followed")
        if store.is_dir():
            return _read(folder, root, store, ours)
        if root == top:
            break
    return None


def _read(folder: Path, root: Path, store: Path, ours: Path) -> GitState:
    try:
        head = read_bytes(store, "HEAD").decode("utf-8", errors="replace").strip()
    except UnreadableError as error:
        return GitState(note=str(error))
    reference = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
    branch = plain(reference.removeprefix("refs/heads/"))
    commit = _commit(store, reference) if reference else head
    if not OBJECT.fullmatch(commit):
        return GitState(branch, note="its commit is not known; it may have none yet")
    objects = str(store / "objects").replace("\\", "\\\\").replace('"', '\\"')

    if (store / "objects").is_symlink():
        return GitState(branch, commit, note="its objects lie elsewhere, which is not followed")

    def ask(*arguments: str) -> str:
        environment = {
            "GIT_DIR": str(ours),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{objects}"',
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
        }
        try:
            return git(*arguments, environment=environment)
        except GitError:
            return ""

    date = ask("log", "-1", "--no-show-signature", "--format=%cs", commit).strip()
    if not date:
        return GitState(branch, commit, note="its objects cannot be read")
    prefix = folder.relative_to(root).as_posix()
    changed = []
    for name in (LOCK, ANSWERS):
        path = name if prefix == "." else f"{prefix}/{name}"
        committed = ask("rev-parse", "--verify", "--quiet", f"{commit}:{path}").strip()
        try:
            content = read_bytes(folder, name)
        except UnreadableError:
            continue
        if committed not in _objects(content, content.replace(b"\r\n", b"\n")):
            changed.append(name)
    return GitState(branch, commit, date, tuple(changed))


def _commit(store: Path, reference: str) -> str:
    """The commit of a branch; empty when it is not found in the repository itself."""
    path = store / reference
    if not re.fullmatch(r"refs/[\w./@+#=,%!-]+", reference) or not path.resolve().is_relative_to(store.resolve()):
        return ""
    try:
        return read_bytes(path.parent, path.name).decode("ascii", errors="replace").strip()
    except UnreadableError:
        pass
    packed = store / "packed-refs"
    if packed.is_symlink() or not packed.is_file() or packed.stat().st_size > MAX_REFERENCES:
        return ""
    rows = packed.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((row[:40] for row in rows if row[41:] == reference), "")


def _objects(*contents: bytes) -> Iterable[str]:
    """The names that git gives to contents."""
    return [sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest() for content in contents]
