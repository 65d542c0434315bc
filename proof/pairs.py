"""A few services in which every two choices that can meet do meet, and fewer in which each occurs."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

import covertable

from hooks.catalogue import Catalogue
from hooks.manifest import Manifest
from hooks.space import Combination, patterns_of

from .services import Service

Choice = tuple[str, str, bool]
"""A decision, one of its values, and whether it is chosen."""


def all_pairs(catalogue: Catalogue) -> list[Combination]:
    """A covering array of strength two over the valid combinations, the same in every run."""
    factors: dict[str, list[Any]] = {}
    for decision in catalogue.decisions:
        rows = patterns_of(catalogue, decision)
        if decision.multiple:
            factors |= {_factor(catalogue, row): [True, False] for row in rows}
        elif rows:
            factors[decision.name] = [row.value for row in rows]
    constraints = [rule for _, row in catalogue.patterns for rule in _needs(catalogue, row)]
    implied = {decision.name for decision in catalogue.decisions if decision.implied}
    constraints += [
        rule for _, row in catalogue.patterns if row.decision in implied for rule in _follows(catalogue, row)
    ]
    if len(factors) < 2:
        made = [{name: value} for name, values in factors.items() for value in values]
    else:
        made = covertable.make(factors, constraints=constraints)
    return [_combination(catalogue, row) for row in made]


def pairs(catalogue: Catalogue, chosen: Combination) -> Iterator[tuple[Choice, Choice]]:
    """Every two choices that meet in a combination; of a multiselect, not to choose a value is a choice too."""
    choices = [
        (decision.name, row.value, row.value in chosen[decision.name])
        for decision in catalogue.decisions
        for row in sorted(
            (row for _, row in catalogue.patterns if row.decision == decision.name), key=lambda row: row.id
        )
        if decision.multiple or row.value in chosen[decision.name]
    ]
    yield from combinations(choices, 2)


def fewest(services: Sequence[Service]) -> list[Service]:
    """Some of the services, in which every choice and every test module of theirs occurs, chosen greedily."""
    missing = set().union(*map(_contents, services))
    picked = []
    while missing:
        best = max(services, key=lambda service: len(_contents(service) & missing))
        picked.append(best)
        missing -= _contents(best)
    return picked


def _contents(service: Service) -> set[tuple[str, str]]:
    choices = {(decision, value) for decision, values in service.chosen.items() for value in values}
    return choices | {("module", path) for path in service.files if path.startswith("tests/")}


def _factor(catalogue: Catalogue, row: Manifest) -> str:
    return f"{row.decision}={row.value}" if row.decision in catalogue.multiple else row.decision


def _is_chosen(catalogue: Catalogue, row: Manifest, operator: str = "eq") -> dict[str, Any]:
    value = True if row.decision in catalogue.multiple else row.value
    return {"operator": operator, "left": _factor(catalogue, row), "value": value}


def _givers(catalogue: Catalogue, row: Manifest, need: str) -> list[Manifest]:
    """The patterns of earlier decisions that provide what a pattern needs."""
    own = catalogue.order[row.decision]
    return [giver for giver in catalogue.providers(need) if catalogue.order[giver.decision] < own]


def _needs(catalogue: Catalogue, row: Manifest) -> Iterator[dict[str, Any]]:
    """Not the pattern, or one of those that provide what it needs in an earlier decision."""
    for need in row.needs:
        givers = (_is_chosen(catalogue, giver) for giver in _givers(catalogue, row, need))
        yield {"operator": "or", "conditions": [_is_chosen(catalogue, row, "ne"), *givers]}


def _follows(catalogue: Catalogue, row: Manifest) -> Iterator[dict[str, Any]]:
    """The pattern, or not all that it needs: nobody can leave out what is implied."""
    for givers in product(*(_givers(catalogue, row, need) for need in row.needs)):
        missing = (_is_chosen(catalogue, giver, "ne") for giver in givers)
        yield {"operator": "or", "conditions": [_is_chosen(catalogue, row), *missing]}


def _combination(catalogue: Catalogue, row: dict[str, Any]) -> Combination:
    chosen = {}
    for decision in catalogue.decisions:
        if decision.multiple:
            prefix = f"{decision.name}="
            picked = [name.removeprefix(prefix) for name, value in row.items() if name.startswith(prefix) and value]
            chosen[decision.name] = tuple(picked)
        else:
            chosen[decision.name] = (row[decision.name],)
    return chosen
