"""What the guided way advises: the rules of templates/advice.jinja, told again; a test holds both to the same."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import product

from .catalogue import Catalogue, Criterion, Decision
from .criteria import UNKNOWN
from .manifest import Manifest
from .space import Combination, possible, provided

Stated = Mapping[str, str]
"""Answers by criterion; one that is not there was not asked."""


def verdict(pattern: Manifest, stated: Stated) -> tuple[list[str], list[str]]:
    """The criteria whose answers speak for a pattern, and those against it, with which it cannot work among them."""
    speaks_for = [name for name, answer in stated.items() if answer in pattern.fits.get(name, ())]
    speaks_against = [
        name
        for name, answer in stated.items()
        if answer in (*pattern.against.get(name, ()), *pattern.unfit.get(name, ()))
    ]
    return speaks_for, speaks_against


def is_unfit(pattern: Manifest, stated: Stated) -> bool:
    """Whether a pattern cannot work with what was stated."""
    return any(answer in pattern.unfit.get(name, ()) for name, answer in stated.items())


def rank(pattern: Manifest, stated: Stated) -> tuple[bool, int, int, bool, str]:
    """What patterns are sorted by, the best first: can work, fewest against, most for, recommended, id."""
    speaks_for, speaks_against = verdict(pattern, stated)
    unfit = is_unfit(pattern, stated)
    return unfit, len(speaks_against), -len(speaks_for), not pattern.recommended, pattern.id


def advised(decision: Decision, patterns: Sequence[Manifest], stated: Stated) -> tuple[str, ...]:
    """The values that are advised among the possible patterns of a decision."""
    if not decision.multiple:
        return tuple(row.value for row in sorted(patterns, key=lambda row: rank(row, stated))[:1])
    verdicts = [(row, *verdict(row, stated)) for row in sorted(patterns, key=lambda row: row.id)]
    return tuple(row.value for row, pro, contra in verdicts if len(pro) > len(contra) and not is_unfit(row, stated))


def candidates(
    catalogue: Catalogue, decision: Decision, given: frozenset[str], still: Sequence[Decision] = ()
) -> list[Manifest]:
    """The patterns that can be advised after `given` capabilities, and what the decisions in `still` may add; by id."""
    names = {row.name for row in still}
    more = {name for _, row in catalogue.patterns if row.decision in names for name in row.provides}
    return [row for row in possible(catalogue, decision, given | more) if row.status != "deprecated"]


def outcome(decision: Decision, patterns: Sequence[Manifest], stated: Stated) -> frozenset[tuple[str, frozenset[str]]]:
    """What is advised, each with the criteria whose answers speak against it."""
    values = advised(decision, patterns, stated)
    return frozenset((row.value, frozenset(verdict(row, stated)[1])) for row in patterns if row.value in values)


def matters(
    decision: Decision,
    patterns: Sequence[Manifest],
    asked: Sequence[Criterion],
    name: str,
    known: Stated,
    of: Callable[[Decision, Sequence[Manifest], Stated], Hashable] = outcome,
) -> bool:
    """Whether some answers to the open criteria of a decision make the answer to this one change its outcome.

    `of` is what has to change: `advised` leaves objections out.
    """
    known = {key: answer for key, answer in known.items() if key != name}
    [criterion] = [row for row in asked if row.name == name]
    answers = (*criterion.values, UNKNOWN)
    others = [row for row in asked if row.name != name and row.name not in known]
    return any(
        len({of(decision, patterns, {**known, **dict(case), name: answer}) for answer in answers}) > 1
        for case in product(*([(row.name, answer) for answer in row.values] for row in others))
    )


def is_asked(catalogue: Catalogue, chosen: Combination, name: str, known: Stated) -> bool:
    """Whether a criterion is asked after the decisions in `chosen` and the answers in `known`."""
    askers = [row for row in catalogue.decisions if name in row.asks]
    first = catalogue.decisions.index(askers[0])
    given = provided(catalogue, chosen)
    for decision in askers:
        still = catalogue.decisions[first : catalogue.decisions.index(decision)]
        patterns = candidates(catalogue, decision, given, still)
        asked = [row for row in catalogue.criteria if row.name in decision.asks]
        if matters(decision, patterns, asked, name, known):
            return True
    return False


def walk(catalogue: Catalogue, answers: Stated) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The guided way with these answers: what is chosen when nothing is overruled, and what was asked on the way."""
    chosen: dict[str, tuple[str, ...]] = {}
    stated: dict[str, str] = {}
    for decision in catalogue.decisions:
        for name in decision.asks:
            if name not in stated and name in answers and is_asked(catalogue, chosen, name, stated):
                stated[name] = answers[name]
        chosen[decision.name] = choose(catalogue, decision, chosen, stated)
    return chosen, stated


def choose(catalogue: Catalogue, decision: Decision, chosen: Combination, stated: Stated) -> tuple[str, ...]:
    """What a decision becomes when nothing is overruled."""
    given = provided(catalogue, chosen)
    if decision.implied:
        return tuple(row.value for row in possible(catalogue, decision, given))
    return advised(decision, candidates(catalogue, decision, given), {name: stated[name] for name in stated})


def all_walks(
    catalogue: Catalogue, *, unknown: bool = False
) -> Iterator[tuple[dict[str, str], dict[str, tuple[str, ...]]]]:
    """Every way through the guided questions, when nothing is overruled: what was answered, and what is chosen.

    With `unknown`, each question may be answered by that it is not known yet, too.

    The criteria of a decision matter to it and to those after it only as far as they are asked there too, so the ways
    through one decision are gone through beside a single way through the ones before it that leads to the same point.
    """
    reached: dict[tuple[frozenset[str], frozenset[tuple[str, str]]], tuple[dict[str, str], dict[str, tuple[str, ...]]]]
    reached = {(frozenset(), frozenset()): ({}, {})}
    for position, decision in enumerate(catalogue.decisions):
        later = {name for row in catalogue.decisions[position + 1 :] for name in row.asks}
        further: dict[
            tuple[frozenset[str], frozenset[tuple[str, str]]], tuple[dict[str, str], dict[str, tuple[str, ...]]]
        ] = {}
        last = position == len(catalogue.decisions) - 1
        for before, chosen in reached.values():
            for stated in _answered(catalogue, decision, chosen, before, unknown):
                picked = {**chosen, decision.name: choose(catalogue, decision, chosen, stated)}
                key = (provided(catalogue, picked), frozenset(row for row in stated.items() if row[0] in later))
                if decision.asks:
                    yield stated, picked
                if not last:
                    further.setdefault(key, (stated, picked))
        reached = further


def _answered(
    catalogue: Catalogue, decision: Decision, chosen: Combination, before: Stated, unknown: bool
) -> Iterator[dict[str, str]]:
    """Every way to answer what a decision asks."""
    ways = [dict(before)]
    for name in decision.asks:
        criterion = next(row for row in catalogue.criteria if row.name == name)
        longer = []
        for way in ways:
            if name in way or not is_asked(catalogue, chosen, name, way):
                longer.append(way)
            else:
                answers = (*criterion.values, *([UNKNOWN] if unknown else []))
                longer += [{**way, name: answer} for answer in answers]
        ways = longer
    yield from ways
