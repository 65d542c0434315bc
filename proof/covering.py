"""The combinations that show every file that can exist, without going through all combinations.

A file depends on the patterns that it asks about (proof/reading.py), and on nothing else. So it takes one combination
for each way in which just those patterns can be chosen or not. Rendering these may show that a file asks about more;
then it goes on, until no file does. What asks about every pattern (a list of all that was chosen) has as many versions
as there are services: see `covering`.
"""

from collections.abc import Iterator
from itertools import chain

from tqdm import tqdm

from hooks.catalogue import Catalogue, Decision
from hooks.manifest import Manifest
from hooks.space import Combination, possible

from .rendering import Renderer
from .services import Service

Key = tuple[frozenset[str], frozenset[str]]
"""Which of the patterns asked about were chosen; which capabilities are there that some later decision needs."""


def projections(catalogue: Catalogue, asked: frozenset[str]) -> dict[frozenset[str], Combination]:
    """One valid combination for each way in which the patterns of these ids can be chosen or not; by the chosen ids."""
    reached: dict[Key, Combination] = {(frozenset(), frozenset()): {}}
    for position, decision in enumerate(catalogue.decisions):
        later = {row.name for row in catalogue.decisions[position + 1 :]}
        needed = frozenset(need for _, row in catalogue.patterns if row.decision in later for need in row.needs)
        further: dict[Key, Combination] = {}
        for (seen, given), chosen in reached.items():
            rows = possible(catalogue, decision, given)
            for (more, added), picked in _picks(decision, rows, asked, needed).items():
                key = (seen | more, (given & needed) | added)
                further.setdefault(key, {**chosen, decision.name: picked})
        reached = further
    return {seen: chosen for (seen, _), chosen in reached.items()}


def covering(renderer: Renderer, *, lists: bool = True) -> Iterator[Service]:
    """Services in which every version of every file occurs.

    Without `lists`, files that ask about every pattern occur in the versions that come along.
    """
    catalogue = renderer.catalogue
    rendered: set[frozenset[str]] = set()
    done: set[frozenset[str]] = set()
    conditions = {frozenset[str]()} | _conditions(catalogue)
    todo = conditions
    with tqdm(desc="covering", unit=" services", leave=False) as bar:
        while todo:
            asked = min(todo, key=lambda ids: (len(ids), sorted(ids)))
            done.add(asked)
            shown = {asked & ids for ids in rendered}
            for seen, chosen in projections(catalogue, asked).items():
                if seen not in shown:
                    rendered.add(_ids(catalogue, chosen))
                    bar.update()
                    yield renderer.render(chosen)
            todo = (conditions | renderer.asked_about(lists=lists)) - done


def _ids(catalogue: Catalogue, chosen: Combination) -> frozenset[str]:
    return frozenset(row.id for _, row in catalogue.patterns if row.value in chosen.get(row.decision, ()))


def _conditions(catalogue: Catalogue) -> set[frozenset[str]]:
    """What decides whether a whole file exists: its pattern, and those that give the capability of its `when`."""
    found = set()
    for _, pattern in catalogue.patterns:
        found.add(frozenset({pattern.id}))
        for _, capability in pattern.listed_files:
            if capability:
                found.add(frozenset({pattern.id, *(row.id for row in catalogue.providers(capability))}))
    return found


def _picks(
    decision: Decision, rows: list[Manifest], asked: frozenset[str], needed: frozenset[str]
) -> dict[Key, tuple[str, ...]]:
    """What can be picked for a decision, one for each difference that it makes."""
    if decision.implied:
        given = needed.intersection(chain.from_iterable(row.provides for row in rows))
        return {(asked.intersection(row.id for row in rows), given): tuple(row.value for row in rows)}
    if not decision.multiple:
        found: dict[Key, tuple[str, ...]] = {}
        for row in rows:
            found.setdefault((asked & {row.id}, needed.intersection(row.provides)), (row.value,))
        return found
    found = {(frozenset(), frozenset()): ()}
    for row in rows:
        for (more, added), picked in list(found.items()):
            key = (more | asked & {row.id}, added | needed.intersection(row.provides))
            found.setdefault(key, (*picked, row.value))
    return found
