"""The seam between the commands and whatever holds rows of predictions."""

from collections.abc import Mapping, Set
from datetime import date
from typing import NamedTuple, Protocol


class Expired(NamedTuple):
    """What was too old: how many files went, and how many lost some of their rows."""

    removed: int
    shortened: int


class Place(Protocol):
    """Holds rows about predictions, in files that are replaced as a whole."""

    @property
    def setting(self) -> str:
        """The variable that names it."""

    def is_here(self) -> bool:
        """Whether there is anything to look at: a folder that nobody has made holds no rows."""

    def holding(self, ids: Set[str]) -> Mapping[str, Set[str]]:
        """The files with rows of these predictions, and of which of them.

        Raises ValueError when a file cannot be read.
        """

    def remove(self, file: str, ids: Set[str]) -> int:
        """Rewrite a file without the rows of these predictions; how many rows that were.

        Whoever reads it, or ends this process meanwhile, finds the old file or the new one. Raises
        OSError and ValueError.
        """

    def expire(self, before: date, *, dry_run: bool) -> Expired:
        """Delete what is of an earlier day (UTC), or only say how much; raises as `remove` does."""
