"""What git knows of who did what.

An author is who a commit names; .mailmap makes one address of those of a person. It is what the
machine of a committer was told: reviews and signed commits make more of it.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

BRANCH = "origin/main"
"""Where every change has come in by a pull request."""

PATIENCE = 60
"""Seconds that git may take, which asks a network at times."""

NOREPLY = "@users.noreply.github.com"
"""What GitHub calls somebody who may have other addresses in the same history."""


class History:
    """The history of the repository at `root`; persons are e-mail addresses in lower case."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def reasons_against(self, *paths: str) -> Iterator[str]:
        """Why what lies in these paths is not what was reviewed, as sentences."""
        if self._git("rev-parse", "--is-inside-work-tree") != "true":
            yield "this is no clone of the repository, so nobody can be told apart."
        elif self._git("rev-parse", "--is-shallow-repository") != "false":
            yield "this clone has no history: fetch all of it (`git fetch --unshallow`)."
        elif changed := self._git("status", "--porcelain", "--untracked-files=all", "--", *paths):
            yield f"{changed.split()[-1]} is not as it was committed."
        elif not self._is_newest() and self._git("rev-parse", "--verify", BRANCH) is None:
            yield (
                f"there is no {BRANCH} here, and approvals count once they are merged there: push"
                " this repository to a remote `origin`, with a branch `main`."
            )
        elif not self._is_newest():
            yield (
                f"this commit is not the newest on {BRANCH}, which may have taken an approval back:"
                " merge what is not there, then `git switch main` and `git pull`, or start the"
                " workflow anew."
            )

    def merged(self, revision: str) -> bool:
        """Whether a commit is one of those that came in by a pull request."""
        return (
            re.fullmatch(r"HEAD|[0-9a-f]{40,64}", revision) is not None
            and self._git("merge-base", "--is-ancestor", revision, BRANCH) is not None
        )

    def unplaced(self, address: str) -> bool:
        """Whether GitHub made up an address, and .mailmap does not say whose it is."""
        if not address.endswith(NOREPLY):
            return False
        try:
            rows = (self.root / ".mailmap").read_text(encoding="utf-8").lower().splitlines()
        except OSError:
            return True
        return not any(f"<{address}>" in row.partition("#")[0] for row in rows)

    def committer(self) -> str | None:
        """Whom git would name as the author of a commit made here, as `Name <address>`."""
        name, found, _ = (self._git("var", "GIT_AUTHOR_IDENT") or "").partition("> ")
        return name + ">" if found else None

    def person(self, name: str) -> str:
        """The address of somebody who is named as `Name <name@host>`."""
        mapped = self._git("check-mailmap", name) or name
        return mapped.rpartition("<")[2].rstrip(">").lower()

    def author(self, revision: str) -> str | None:
        """Who made the last change up to a revision; None when it is not in this history."""
        if not re.fullmatch(r"[0-9a-f]{40,64}", revision):
            return None
        return self._address("log", "-1", "--no-merges", "--format=%aE", revision, "--")

    def first_author(self, path: str, text: str = "") -> str | None:
        """Who first committed a file, or a text below a folder; None when nobody has."""
        search = [f"-S{text}"] if text else ["--diff-filter=A"]
        return self._address("log", "--reverse", "--no-merges", "--format=%aE", *search, "--", path)

    def authors(self, path: str, line: str) -> tuple[set[str], set[str]]:
        """Who committed the lines of a file above one line and below; empty ones are nobody's."""
        # No list of commits to pass over, which could hide an author.
        blame = ("blame", "--line-porcelain", "--ignore-revs-file", "")
        blamed = self._git(*blame, "HEAD", "--", path) or ""
        above: set[str] = set()
        below: set[str] = set()
        author, found = "", False
        for row in blamed.split("\n"):
            if row.startswith("author-mail "):
                author = row.removeprefix("author-mail ").strip("<>").lower()
            elif row == f"\t{line}":
                found = True
            elif row.startswith("\t") and row != "\t":
                (below if found else above).add(author)
        return above, below

    def _is_newest(self) -> bool:
        # Without a way to the origin, as in a workflow that keeps no credentials, the branch is
        # as it was fetched last.
        self._git("fetch", "--quiet", *BRANCH.split("/"))
        newest = self._git("rev-parse", "--verify", BRANCH)
        return newest is not None and newest == self._git("rev-parse", "HEAD")

    def _address(self, *arguments: str) -> str | None:
        found = (self._git(*arguments) or "").split("\n")[0].lower()
        return found or None

    def _git(self, *arguments: str) -> str | None:
        """What git prints; None when it fails or is not there."""
        try:
            ran = subprocess.run(  # noqa: S603 - no shell, and arguments that are no options
                ["git", "-C", str(self.root), *arguments],  # noqa: S607 - whichever is on the PATH
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return None
        return ran.stdout.strip() if ran.returncode == 0 else None
