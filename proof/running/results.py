"""What was run and came out well, kept on disk by what it read: what reads the same again has the same result."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from proof.running.tree import Seen, Tree, digest

Result = Mapping[str, Any]
"""Plain JSON."""
_Absent = tuple[tuple[str, frozenset[str]], ...]
_Shape = tuple[tuple[str, ...], _Absent]


class Results:
    """Results by subject, and of each subject by what it read.

    `base` names what every result depends on beside the files of a service: libraries, Python, the runner itself.
    """

    def __init__(self, folder: Path, base: str) -> None:
        self._folder = folder / base
        self._known: dict[str, dict[_Shape, dict[tuple[str, ...], Result]]] = {}

    def find(self, subject: str, tree: Tree) -> Result | None:
        """The result of this subject for files that read the same; None when there is none."""
        if subject not in self._known:
            self._load(subject)
        # Few shapes, many results: one look-up for each shape tells whether any of its results holds.
        for (lines, absent), results in self._known[subject].items():
            found = results.get(tuple(tree.find(line) for line in lines))
            if found is not None and tree.lacks(dict(absent)):
                return found
        return None

    def add(self, subject: str, seen: Seen, result: Result, *, keep: bool) -> None:
        """Remember a result; with `keep` in later sessions too. What is kept is written at once and as a whole."""
        if subject not in self._known:
            self._load(subject)
        self._remember(subject, seen, result)
        if keep:
            row = {
                "subject": subject,
                "found": dict(seen.found),
                "absent": {folder: sorted(names) for folder, names in sorted(seen.absent.items())},
                "result": result,
            }
            text = json.dumps(row, ensure_ascii=True, indent=0, sort_keys=True)
            path = self._place(subject) / f"{digest(text.encode())}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(text, encoding="ascii")
            partial.replace(path)

    def forget(self) -> None:
        """Look at the disk again: another process may have added something."""
        self._known.clear()

    def _place(self, subject: str) -> Path:
        words = re.sub(r"\W+", "-", subject).strip("-")[:60]
        return self._folder / f"{words}-{digest(subject.encode())[:8]}"

    def _load(self, subject: str) -> None:
        self._known[subject] = {}
        for path in sorted(self._place(subject).glob("*.json")):
            # A file that is none of ours or was cut off costs a run, no more.
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                row = json.loads(path.read_text(encoding="ascii"))
                absent = {folder: frozenset(names) for folder, names in row["absent"].items()}
                self._remember(subject, Seen(row["found"], absent), row["result"])

    def _remember(self, subject: str, seen: Seen, result: Result) -> None:
        shape = (tuple(seen.found), tuple(sorted(seen.absent.items())))
        self._known[subject].setdefault(shape, {})[tuple(seen.found.values())] = result
