"""Finds the entries of a prediction or a request."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .entries import Answered, Begun, Entry, Link, has_id, link_of
from .segment import segments


class Place(NamedTuple):
    """An entry, where it stands, and the beginning of its chain, where that can be read."""

    where: str
    line: str
    link: Link
    entry: Answered
    begun: Begun | None


def find(folder: Path, prediction_id: str = "", request_id: str = "") -> Iterator[Place]:
    """The entries of a prediction, or of a request; the other one is empty."""
    # Ids that count on stand there by what they have in common; most lines need no closer look.
    stem = request_id or prediction_id.rpartition("-")[0] or prediction_id
    wanted = stem.encode()
    for paths in segments(folder).values():
        begun: Begun | None = None
        for path in paths:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    is_first = path == paths[0] and number == 1
                    if not is_first and wanted not in line:
                        continue
                    link = link_of(line.rstrip(b"\n"))
                    entry = _entry(link)
                    if is_first and isinstance(entry, Begun):
                        begun = entry
                    if (
                        link
                        and isinstance(entry, Answered)
                        and (
                            entry.request == request_id
                            if request_id
                            else has_id(entry.ids, prediction_id)
                        )
                    ):
                        yield Place(f"{path}:{number}", line.decode().strip(), link, entry, begun)


def _entry(link: Link | None) -> Entry | None:
    """The entry of a line; `verify` tells of lines that hold none."""
    try:
        return link.entry() if link else None
    except ValueError:
        return None
