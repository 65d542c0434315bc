"""Which patterns a rendered file has asked about.

The variables that templates see are wrapped: to look at one records the patterns whose being chosen it depends on.
A file that asked about some patterns only is the same in every service that agrees on those.

Two rules keep this exact. Where a template asks a chosen pattern for a field that others lack, it skips those. And a
loop over the chosen patterns prints nothing for a pattern of which it asks nothing but the folder, to include from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


class Reads:
    """What has been asked since the last `clear`."""

    def __init__(self, catalogue: Iterable[Row]) -> None:
        self._catalogue = list(catalogue)
        self.all = frozenset(row["id"] for row in self._catalogue)
        self._asked: set[str] = set()
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def clear(self) -> None:
        """Forget what was asked."""
        self._asked = set()

    def asked(self) -> frozenset[str]:
        """The ids of the patterns that were asked about."""
        return frozenset(self._asked)

    def everything(self) -> None:
        """All patterns."""
        self._asked |= self.all

    def with_field(self, field: str) -> None:
        """Patterns whose manifest has this field."""
        self._note("field", field, lambda row: field in row)

    def of_decision(self, name: str) -> None:
        """Patterns that answer this decision."""
        self._note("decision", name, lambda row: row["decision"] == name)

    def giving(self, capability: str) -> None:
        """Patterns that provide this capability."""
        self._note("capability", capability, lambda row: capability in row.get("provides", ()))

    def with_slot(self, name: str, folders: frozenset[str]) -> None:
        """Patterns that have this slot: those in `folders`."""
        self._note("slot", name, lambda row: f"{row['decision']}/{row['value']}" in folders)

    def _note(self, kind: str, name: str, matches: Any) -> None:
        known = self._known.get((kind, name))
        if known is None:
            known = frozenset(row["id"] for row in self._catalogue if matches(row))
            self._known[kind, name] = known
        self._asked |= known


class Pattern(Mapping[str, Any]):
    """A chosen pattern. Its folder tells nothing by itself: what is included from there is recorded on its own."""

    def __init__(self, row: Row, reads: Reads, derived: frozenset[str]) -> None:
        self._row = row
        self._reads = reads
        self._derived = derived

    def __getitem__(self, field: str) -> Any:
        if field in self._derived:
            self._reads.everything()
        elif field != "folder":
            self._reads.with_field(field)
        return self._row[field]

    def __iter__(self) -> Iterator[str]:
        self._reads.everything()
        return iter(self._row)

    def __len__(self) -> int:
        self._reads.everything()
        return len(self._row)


class Chosen(Sequence[Any]):
    """The chosen patterns. To go through them tells nothing; to look at one of them, or to count them, does."""

    def __init__(self, patterns: Iterable[Pattern], reads: Reads) -> None:
        self._patterns = list(patterns)
        self._reads = reads

    def __iter__(self) -> Iterator[Pattern]:
        return iter(self._patterns)

    def __getitem__(self, index: Any) -> Any:
        self._reads.everything()
        return self._patterns[index]

    def __len__(self) -> int:
        self._reads.everything()
        return len(self._patterns)


class Capabilities(Sequence[Any]):
    """The capabilities of the chosen patterns."""

    def __init__(self, names: Iterable[str], reads: Reads) -> None:
        self._names = list(names)
        self._reads = reads

    def __contains__(self, name: object) -> bool:
        self._reads.giving(str(name))
        return name in self._names

    def __getitem__(self, index: Any) -> Any:
        self._reads.with_field("provides")
        return self._names[index]

    def __len__(self) -> int:
        self._reads.with_field("provides")
        return len(self._names)


class Files(Sequence[Any]):
    """The whole files of the chosen patterns: paths, and what they are rendered from."""

    def __init__(self, rows: Iterable[Row], reads: Reads) -> None:
        self.rows = list(rows)
        self._reads = reads

    def __getitem__(self, index: Any) -> Any:
        self._note()
        return self.rows[index]

    def __len__(self) -> int:
        self._note()
        return len(self.rows)

    def _note(self) -> None:
        # Some files exist only beside a capability.
        self._reads.with_field("files")
        self._reads.with_field("provides")


class Record(Mapping[str, Any]):
    """A decision, with what was chosen for it and what earlier decisions provide."""

    def __init__(self, row: Row, reads: Reads) -> None:
        self._row = row
        self._reads = reads
        self._provided = Capabilities(row["provided"], reads)

    def __getitem__(self, field: str) -> Any:
        if field == "provided":
            return self._provided
        if field == "chosen":
            self._reads.of_decision(self._row["name"])
        return self._row[field]

    def __iter__(self) -> Iterator[str]:
        self._reads.everything()
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
