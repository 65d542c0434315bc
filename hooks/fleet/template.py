"""What this checkout of the template offers: its patterns, and how far behind it a revision is."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ..catalogue import Catalogue
from ..git import GitError, git
from ..manifest import Manifest

# What Copier writes into _commit: a tag, what `git describe` says past a tag, or the beginning of a hash.
HASH = re.compile(r"(?:.*-g)?([0-9a-f]{7,40})")
TAG = re.compile(r"[\w.+-]{1,100}")


@dataclass(frozen=True)
class Revision:
    """The revision that a service was made from, beside the one that is checked out here."""

    name: str
    known: bool = False
    releases_behind: int = 0
    commits_behind: int = 0
    commits_ahead: int = 0
    """Commits of it that this checkout does not have."""

    @property
    def said(self) -> str:
        """How far it is behind, in words."""
        if not self.name:
            return "revision unknown"
        if not self.known:
            return "revision not known here"
        parts = [
            f"{count} {word if count == 1 else f'{word}s'} {where}"
            for count, word, where in (
                (self.releases_behind, "release", "behind"),
                (0 if self.releases_behind else self.commits_behind, "commit", "behind"),
                (self.commits_ahead, "commit", "not in this checkout"),
            )
            if count
        ]
        return ", ".join(parts) or "newest"


@dataclass(frozen=True)
class Template:
    """The catalogue and the git history of a checkout of the template."""

    catalogue: Catalogue
    _revisions: dict[str, Revision] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.catalogue.root

    @cached_property
    def by_id(self) -> dict[str, Manifest]:
        return {manifest.id: manifest for _, manifest in self.catalogue.patterns}

    @cached_property
    def heirs(self) -> dict[tuple[str, str], Manifest]:
        """The pattern that a former value of a decision leads to."""
        return {
            (manifest.decision, value): manifest
            for _, manifest in self.catalogue.patterns
            for value in manifest.formerly
        }

    @cached_property
    def head(self) -> str:
        """What is checked out here, as `git describe` says it; empty where this is no git repository."""
        return self._ask("describe", "--tags", "--always", "HEAD")

    @cached_property
    def shallow(self) -> bool:
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def revision(self, name: str) -> Revision:
        """Where a revision stands; each is looked up once."""
        if name not in self._revisions:
            self._revisions[name] = self._look_up(name)
        return self._revisions[name]

    def _look_up(self, name: str) -> Revision:
        commit = self._commit(name)
        if not commit or not self.head:
            return Revision(name)
        behind, ahead = (self._ask("rev-list", "--count", span) for span in (f"{commit}..HEAD", f"HEAD..{commit}"))
        later = self._ask("tag", "--merged", "HEAD", "--no-merged", commit).split()
        releases = sum(1 for tag in later if is_release(tag))
        return Revision(name, True, releases, int(behind or 0), int(ahead or 0))

    def _commit(self, name: str) -> str:
        """The commit of a tag, of a description or of a hash; empty where this repository has none."""
        if TAG.fullmatch(name) and (tagged := self._verify(f"refs/tags/{name}^{{commit}}")):
            return tagged
        hashed = HASH.fullmatch(name)
        return self._verify(f"{hashed[1]}^{{commit}}") if hashed else ""

    def _verify(self, name: str) -> str:
        return self._ask("rev-parse", "--verify", "--quiet", name)

    def _ask(self, *arguments: str) -> str:
        try:
            return git(*arguments, cwd=self.root).strip()
        except GitError:
            return ""


def is_release(tag: str) -> bool:
    """Whether Copier offers a tag by itself: a version of PEP 440, and no pre-release."""
    try:
        return not Version(tag).is_prerelease
    except InvalidVersion:
        return False
