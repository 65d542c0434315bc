"""What a fleet report says of each service, and what of that has to be done."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from .git_state import GitState
from .places import Place
from .service import Locked, Service
from .template import Revision, Template

Drift = Literal["current", "patch", "minor", "major", "ahead", "unknown"]
DRIFTS: dict[Drift, str] = {
    "current": "current",
    "patch": "patch behind",
    "minor": "minor behind",
    "major": "major behind",
    "ahead": "newer than here",
    "unknown": "unknown here",
}


@dataclass(frozen=True)
class Deprecation:
    """A pattern on its way out."""

    remove_after: str
    replaced_by: str
    """`decision/value` of its successor, or the successor's id where the catalogue does not have it."""
    overdue: bool


@dataclass(frozen=True)
class PatternRow:
    """One pattern of a service beside its newest version."""

    locked: Locked
    newest: str = ""
    """The version in this catalogue; empty where it has no such pattern."""
    drift: Drift = "unknown"
    now: str = ""
    """`decision/value`, where it is called otherwise by now, or another has taken its place."""
    deprecation: Deprecation | None = None

    @property
    def title(self) -> str:
        return f"{self.locked.decision}/{self.locked.value}"

    @property
    def said(self) -> str:
        """Its state in words."""
        parts = [DRIFTS[self.drift]]
        if self.now and self.newest:
            parts.append(f"now {self.now}")
        elif self.now:
            parts = [f"gone; the next update takes {self.now}"]
        if row := self.deprecation:
            when = f"overdue since {row.remove_after}" if row.overdue else f"goes after {row.remove_after}"
            parts.append(f"deprecated, {when}: take {row.replaced_by}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Finding:
    """What somebody has to know or to do about a service."""

    service: str
    text: str
    grave: bool
    """Whether it fails a strict report."""


@dataclass(frozen=True)
class ServiceRow:
    """One service of the report, or a place where there is none."""

    place: str
    service: Service
    revision: Revision
    git: GitState | None = None
    patterns: tuple[PatternRow, ...] = ()

    def findings(self) -> Iterator[Finding]:
        """What is wrong first, then what is coming, then what the team chose otherwise."""
        name = self.service.name
        for problem in self.service.problems:
            yield Finding(name, problem, grave=True)
        for row in self.patterns:
            if row.deprecation:
                when = "should be gone since" if row.deprecation.overdue else "goes after"
                text = f"{row.title} {when} {row.deprecation.remove_after}; take {row.deprecation.replaced_by}"
                yield Finding(name, text, grave=row.deprecation.overdue)
            elif row.drift == "unknown" and not row.now:
                yield Finding(name, f"{row.title} ({row.locked.id}) is not in this catalogue", grave=True)
            elif row.drift == "major":
                text = f"{row.title} {row.locked.version} is a major version behind {row.newest}"
                yield Finding(name, text, grave=False)
        for choice in self.service.overruled:
            yield Finding(name, said_of_choice(choice.decision, choice.recommended, choice.chosen), grave=False)


def said_of_choice(decision: str, recommended: tuple[str, ...], chosen: tuple[str, ...]) -> str:
    """An overruled recommendation in words."""
    given, taken = (", ".join(values) or "nothing" for values in (recommended, chosen))
    return f"{decision}: {given} was recommended, {taken} was chosen"


@dataclass(frozen=True)
class Report:
    """A fleet, compared with one checkout of the template on one day."""

    today: date
    template: str
    """What is checked out; empty where it is no git repository."""
    shallow: bool
    patterns: int
    services: tuple[ServiceRow, ...]

    @property
    def findings(self) -> list[Finding]:
        """What has to be done before what has to be known; within that, by service."""
        rows = [finding for row in self.services for finding in row.findings()]
        return sorted(rows, key=lambda finding: not finding.grave)

    @property
    def drifts(self) -> dict[Drift, int]:
        """How many patterns of all services are in each state."""
        counts = Counter(row.drift for service in self.services for row in service.patterns)
        return {drift: counts[drift] for drift in DRIFTS}

    @property
    def deprecated(self) -> list[PatternRow]:
        return [row for service in self.services for row in service.patterns if row.deprecation]

    @property
    def overdue(self) -> int:
        return sum(1 for row in self.deprecated if row.deprecation and row.deprecation.overdue)

    @property
    def overruled(self) -> int:
        return sum(len(row.service.overruled) for row in self.services)

    @property
    def unreadable(self) -> int:
        return sum(1 for row in self.services if row.service.problems)

    @property
    def summary(self) -> list[tuple[str, int]]:
        """The counts at the top of the report, each with what it counts."""
        return [
            ("services", len(self.services)),
            ("with something wrong", self.unreadable),
            ("patterns in use", sum(self.drifts.values())),
            ("current", self.drifts["current"]),
            ("behind", sum(self.drifts[drift] for drift in ("patch", "minor", "major"))),
            ("deprecated", len(self.deprecated)),
            ("overdue", self.overdue),
            ("recommendations overruled", self.overruled),
        ]


def make_row(place: Place, service: Service, git: GitState | None, template: Template, today: date) -> ServiceRow:
    """A service beside the template."""
    rows = tuple(judge(locked, template, today) for locked in service.patterns)
    return ServiceRow(place.shown, service, template.revision(service.commit), git, rows)


def judge(locked: Locked, template: Template, today: date) -> PatternRow:
    """A pattern of a service beside the catalogue."""
    newest = template.by_id.get(locked.id)
    if newest is None:
        heir = template.heirs.get((locked.decision, locked.value))
        return PatternRow(locked, now=f"{heir.decision}/{heir.value}" if heir else "")
    title = f"{newest.decision}/{newest.value}"
    deprecation = None
    if newest.remove_after:
        successor = template.by_id.get(newest.replaced_by or "")
        heir_title = f"{successor.decision}/{successor.value}" if successor else str(newest.replaced_by)
        deprecation = Deprecation(newest.remove_after, heir_title, newest.remove_after < today.isoformat())
    renamed = (locked.decision, locked.value) != (newest.decision, newest.value)
    return PatternRow(
        locked, newest.version, drift(locked.version, newest.version), title if renamed else "", deprecation
    )


def drift(version: str, newest: str) -> Drift:
    """Which part of a semantic version is behind."""
    here, there = (tuple(map(int, text.split("."))) for text in (version, newest))
    if here >= there:
        return "current" if here == there else "ahead"
    kinds: tuple[Drift, ...] = ("major", "minor", "patch")
    return next(kind for kind, old, new in zip(kinds, here, there, strict=True) if old != new)
