"""What is printed about a failing service: its problems, the command that makes it, and how a passing one differs."""

from collections.abc import Iterable, Sequence
from difflib import unified_diff

from hooks.catalogue import Catalogue
from hooks.space import Combination, command

from .services import Service

MAX_LINES = 40


def explain(catalogue: Catalogue, failing: Service, problems: Sequence[str], nearest: Service | None) -> str:
    """A failing service for a human reader, beside the nearest one that passes."""
    lines = [*problems, "", f"Make it: {command(catalogue, failing.chosen)}"]
    if nearest is None:
        return "\n".join([*lines, "No service passes, so there is none to compare it with."])
    lines += [
        "The nearest service that passes has",
        *(f"  {line}" for line in _answers(failing.chosen, nearest.chosen)),
    ]
    lines += ["and differs in", *(f"  {line}" for line in _files(failing, nearest, problems))]
    return "\n".join(lines)


def nearest(failing: Combination, passing: Iterable[Combination]) -> Combination | None:
    """The combination that differs in the fewest choices."""
    return min(passing, key=lambda other: distance(failing, other), default=None)


def distance(one: Combination, other: Combination) -> int:
    """In how many choices two combinations differ."""
    return sum(len(set(one[name]) ^ set(other[name])) for name in one)


def _answers(failing: Combination, passing: Combination) -> list[str]:
    return [
        f"{name}: {', '.join(passing[name]) or 'none'} instead of {', '.join(failing[name]) or 'none'}"
        for name in failing
        if set(failing[name]) != set(passing[name])
    ]


def _files(failing: Service, passing: Service, problems: Sequence[str]) -> list[str]:
    """The differing files; those that a problem names with their lines."""
    rows = []
    for path in sorted(failing.files.keys() | passing.files.keys()):
        one, other = passing.files.get(path), failing.files.get(path)
        if one == other:
            continue
        if one is None or other is None:
            rows.append(f"{path}: only {'here' if one is None else 'there'}")
            continue
        rows.append(path)
        if any(path in problem for problem in problems):
            rows += [f"  {line}" for line in _difference(one, other)]
    return rows


def _difference(there: bytes, here: bytes) -> list[str]:
    lines = [content.decode(errors="replace").splitlines() for content in (there, here)]
    return list(unified_diff(lines[0], lines[1], "there", "here", lineterm="", n=1))[:MAX_LINES]
