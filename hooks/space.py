"""The space of services that the catalogue can give: `python -m hooks.space` prints it.

The rules are those of templates/compose.jinja, told a second time in Python; a test holds both to the same space.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import chain, combinations
from pathlib import Path

from .catalogue import Catalogue, Decision, NoCatalogueError, read_catalogue
from .check_patterns import find_all
from .findings import report
from .manifest import Manifest

Combination = Mapping[str, tuple[str, ...]]
"""One valid service: the values chosen for each decision, in the order of the decisions."""


def space(catalogue: Catalogue) -> Iterator[Combination]:
    """Every valid combination, in a fixed order."""
    yield from _complete(catalogue, catalogue.decisions, {}, frozenset())


def states(catalogue: Catalogue) -> Iterator[tuple[Combination, Decision]]:
    """Every reachable state of the questionnaire: the choices so far, and the decision that is asked next."""
    for count, decision in enumerate(catalogue.decisions):
        for chosen in _complete(catalogue, catalogue.decisions[:count], {}, frozenset()):
            yield chosen, decision


def patterns_of(catalogue: Catalogue, decision: Decision) -> list[Manifest]:
    """The patterns of a decision, by id."""
    return sorted((row for _, row in catalogue.patterns if row.decision == decision.name), key=lambda row: row.id)


def possible(catalogue: Catalogue, decision: Decision, provided: frozenset[str]) -> list[Manifest]:
    """The patterns of a decision that can be chosen where `provided` capabilities are there, by id."""
    return [row for row in patterns_of(catalogue, decision) if provided.issuperset(row.needs)]


def provided(catalogue: Catalogue, chosen: Combination) -> frozenset[str]:
    """The capabilities of the chosen patterns."""
    return frozenset(
        capability
        for _, pattern in catalogue.patterns
        if pattern.value in chosen.get(pattern.decision, ())
        for capability in pattern.provides
    )


def answers(catalogue: Catalogue, chosen: Combination) -> dict[str, str | list[str]]:
    """A combination as answers for Copier, picked one by one; a decision that is not asked is left out."""
    way: dict[str, str | list[str]] = {"guidance": "direct"} if "guidance" in catalogue.questions else {}
    return way | {
        decision.name: list(chosen[decision.name]) if decision.multiple else chosen[decision.name][0]
        for decision in catalogue.decisions
        if decision.name in chosen and decision.name in catalogue.questions
    }


def command(catalogue: Catalogue, chosen: Combination) -> str:
    """The command that makes the service of a combination."""
    data = (
        f"--data '{name}={'[' + ', '.join(value) + ']' if isinstance(value, list) else value}'"
        for name, value in answers(catalogue, chosen).items()
    )
    # A folder of its own, so that nothing stands there; its name is the project's.
    folder = sha256(repr(chosen).encode()).hexdigest()[:8]
    return " ".join([".venv/bin/copier copy --vcs-ref HEAD --defaults", *data, f". build/{folder}/flight-delays"])


def _complete(
    catalogue: Catalogue, decisions: tuple[Decision, ...], chosen: Combination, given: frozenset[str]
) -> Iterator[Combination]:
    if not decisions:
        yield chosen
        return
    decision, *rest = decisions
    rows = possible(catalogue, decision, given)
    for picked in _picks(decision, rows):
        capabilities = given.union(*(row.provides for row in picked))
        values = tuple(row.value for row in picked)
        yield from _complete(catalogue, tuple(rest), {**chosen, decision.name: values}, capabilities)


def _picks(decision: Decision, rows: list[Manifest]) -> Iterator[tuple[Manifest, ...]]:
    """What can be picked of the possible patterns of a decision."""
    if decision.implied:
        yield tuple(rows)
    elif decision.multiple:
        yield from chain.from_iterable(combinations(rows, size) for size in range(len(rows) + 1))
    else:
        yield from ((row,) for row in rows)


def main() -> int:
    """Print the decisions, their choices, and how many valid combinations there are."""
    parser = argparse.ArgumentParser(prog="python -m hooks.space", description=main.__doc__)
    parser.add_argument("--all", action="store_true", help="print the command for each combination too")
    options = parser.parse_args()
    try:
        catalogue = read_catalogue(Path.cwd())
    except NoCatalogueError as error:
        sys.exit(str(error))
    if found := find_all(catalogue):
        # A manifest that cannot be read would be missing without a word.
        return report(found, catalogue.root)
    everything = list(space(catalogue))
    for decision in catalogue.decisions:
        kind = "implied" if decision.implied else "any of" if decision.multiple else "one of"
        print(f"{decision.name:<18} {kind} {', '.join(row.value for row in patterns_of(catalogue, decision))}")
    print(f"{'valid combinations':<18} {len(everything)}")
    if options.all:
        print("\n".join(command(catalogue, chosen) for chosen in everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
