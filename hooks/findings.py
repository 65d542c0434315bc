"""One finding of a check, and how a command prints its findings."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong, where, and what is possible instead."""

    path: Path
    line: int
    field: str
    message: str

    def text(self, root: Path) -> str:
        """`file:line: field: message`, the file relative to `root` where it lies under it."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        message = " ".join(self.message.split())
        return f"{path.as_posix()}:{self.line}: {self.field}: {message}"


def report(findings: Iterable[Finding], root: Path) -> int:
    """Print each finding once, in order of file and line; the exit status."""
    unique = sorted(set(findings))
    for finding in unique:
        print(finding.text(root))
    return 1 if unique else 0


def listed(values: Iterable[str]) -> str:
    """Values as a sentence names them, `nothing` when there are none."""
    return ", ".join(sorted(values)) or "nothing"


def did_you_mean(word: str, values: Iterable[str]) -> str:
    """The possible values, the closest one first when there is a close one."""
    values = list(values)
    close = get_close_matches(word, values, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}possible: {listed(values)}"
