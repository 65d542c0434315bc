"""What is written beside the predictions: one record for each part, one manifest for all.

Neither holds a time or a name of a machine: the same run gives the same bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

FORMAT = 1
"""Raised when a field of the manifest changes its meaning."""


class NoManifest(ValueError):  # noqa: N818 - says what it is
    """A file in the place of a manifest is none."""


class PartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is done."""

    name: str
    rows: int
    """Rows of the input; those that were not scored are quarantined."""
    scored: int
    sha256: str
    quarantine_sha256: str | None
    """None when no row was quarantined."""
    reasons: Mapping[str, int]
    """How many rows were wrong in this way; a row can be wrong in several."""

    @property
    def quarantined(self) -> int:
        """Rows of the input that were not scored."""
        return self.rows - self.scored


class InputRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the input."""

    name: str
    rows: int
    size: int
    sha256: str


class Model(msgspec.Struct, frozen=True):
    """Which model made the predictions."""

    name: str
    version: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of a day's predictions was made from, and what it holds."""

    format: int = FORMAT
    date: str
    version: str
    model: Model
    features: Mapping[str, str]
    """The SHA-256 of each file that holds what was known of the entities."""
    rows: int
    scored: int
    quarantined: int
    reasons: Mapping[str, int]
    inputs: Sequence[InputRecord]
    parts: Sequence[PartRecord]

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read the file at `path`; raises NoManifest."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise NoManifest(
                f"{path} is no manifest of predictions ({error}): score the day with --again"
            ) from error


def written(content: object) -> bytes:
    """A record or a manifest as it is written."""
    return msgspec.json.format(msgspec.json.encode(content, order="sorted")) + b"\n"


def total(reasons: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The reasons of several parts together, the commonest first."""
    counts: Counter[str] = Counter()
    for some in reasons:
        counts.update(some)
    return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))
