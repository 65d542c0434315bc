"""Every service rendered and checked, in several processes."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from hooks.catalogue import Catalogue
from hooks.space import Combination, possible, provided, space, states

from .checks.whole import all_problems
from .covering import covering, projections
from .rendering import Renderer
from .report import explain, nearest
from .services import Service

CORE = ("serving", "deployment", "monitoring", "feature_store")
"""The decisions whose every combination also runs its own tests."""
LIMIT = 20_000
"""So many combinations are rendered one by one; of more, a set in which every version of every file occurs."""
BATCH = 20


@dataclass
class Checked:
    """What came of it."""

    services: int = 0
    files: int = 0
    """Over all services."""
    versions: set[bytes] = field(default_factory=set)
    """A hash of the path and the content of each distinct file."""
    failures: list[tuple[Combination, list[str]]] = field(default_factory=list)

    def add(self, other: "Checked") -> None:
        """Take in the result of another part."""
        self.services += other.services
        self.files += other.files
        self.versions |= other.versions
        self.failures += other.failures


def to_render(renderer: Renderer, limit: int = LIMIT) -> list[Combination]:
    """The combinations to render: all, or beyond the limit those in which every version of every file occurs."""
    some = list(islice(space(renderer.catalogue), limit + 1))
    if len(some) <= limit:
        return some
    return [service.chosen for service in covering(renderer, lists=False)]


def core(catalogue: Catalogue) -> list[Combination]:
    """One combination for each valid choice of the core decisions."""
    ids = frozenset(row.id for _, row in catalogue.patterns if row.decision in CORE)
    return list(projections(catalogue, ids).values())


def check(root: Path, combinations: Sequence[Combination], workers: int = 2) -> Checked:
    """Render and check services of the template under `root`."""
    total = Checked()
    with (
        tqdm(total=len(combinations), desc="rendered and checked", unit="service", disable=None) as bar,
        ExitStack() as stack,
    ):
        if workers > 1 and len(combinations) > BATCH:
            context = multiprocessing.get_context("forkserver")
            executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(root,))
            parts = stack.enter_context(executor).map(_check, _batches(combinations))
        else:
            _start(root)
            parts = map(_check, _batches(combinations))
        for part in parts:
            total.add(part)
            bar.update(part.services)
    return total


def explained(renderer: Renderer, combinations: Sequence[Combination], checked: Checked, limit: int = 3) -> list[str]:
    """The failures for a human reader, each beside the nearest service that passes; the first ones of many."""
    failing = {tuple(chosen.items()) for chosen, _ in checked.failures}
    passing = [chosen for chosen in combinations if tuple(chosen.items()) not in failing]
    told = []
    for chosen, problems in checked.failures[:limit]:
        try:
            service = renderer.render(chosen)
        except Exception:  # noqa: BLE001 - it is among the problems already
            service = Service(chosen, {})
        other = nearest(chosen, passing)
        told.append(explain(renderer.catalogue, service, problems, renderer.render(other) if other else None))
    if len(failing) > limit:
        told.append(f"{len(failing) - limit} more services have problems.")
    return told


def disagreements(renderer: Renderer) -> list[str]:
    """Where the enumeration and the questionnaire take different choices for possible, over all reachable states."""
    catalogue, found = renderer.catalogue, []
    for chosen, decision in states(catalogue):
        if decision.name in catalogue.questions:
            rows = possible(catalogue, decision, provided(catalogue, chosen))
            for value, reason in renderer.choices(chosen, decision.name).items():
                if (not reason) != (value in {row.value for row in rows}):
                    found.append(f"{decision.name}={value} after {chosen}: Copier says {reason or 'possible'!r}.")
    return found


def _batches(combinations: Sequence[Combination]) -> Iterator[list[Combination]]:
    yield from (list(combinations[start : start + BATCH]) for start in range(0, len(combinations), BATCH))


_renderer: Renderer


def _start(root: Path) -> None:
    global _renderer
    _renderer = Renderer(root)


def _check(combinations: list[Combination]) -> Checked:
    part = Checked()
    for chosen in combinations:
        part.services += 1
        try:
            service = _renderer.render(chosen)
        except Exception as error:  # noqa: BLE001 - whatever a template raises is told with its combination
            notes = " ".join(getattr(error, "__notes__", []))
            part.failures.append((chosen, [f"{type(error).__name__}: {error} {notes}".rstrip()]))
            continue
        part.files += len(service.files)
        part.versions |= {_version(path, content) for path, content in service.files.items()}
        if found := all_problems(service, _renderer.catalogue):
            part.failures.append((chosen, found))
    return part


def _version(path: str, content: bytes) -> bytes:
    return sha256(path.encode() + b"\0" + content).digest()[:16]
