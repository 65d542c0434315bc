"""YAML with the line of every value, and without what makes a manifest hard to read.

PyYAML keeps the last of two equal keys in silence and expands aliases without bound; both are
problems here. Reading never raises: what is wrong comes back as problems.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 100_000

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """A sentence about one line of a text."""

    line: int
    message: str


@dataclass(frozen=True)
class YamlSource:
    """The value of a document and the line of each part of it."""

    value: Any
    lines: dict[Location, int] = field(default_factory=dict)

    def path(self, location: Location) -> Location:
        """The part of `location` that the text holds; what it lacks is left out."""
        known: Location = ()
        for part in location:
            if (*known, part) in self.lines:
                known = (*known, part)
        return known

    def line(self, *location: str | int) -> int:
        """The line of a value, or of the closest part around it that the text holds."""
        return self.lines.get(self.path(location), 1)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            message = "an alias (*name) is not possible here; write the value out"
            raise yaml.MarkedYAMLError(problem=message, problem_mark=self.get_mark())
        return super().compose_node(parent, index)


class _TolerantLoader(_Loader):
    """Reads copier.yml, whose tags (`!include`) only Copier can follow."""


_TolerantLoader.add_multi_constructor("!", lambda *_: None)


def read_yaml(text: str, tolerant: bool = False) -> tuple[YamlSource | None, list[Problem]]:
    """One YAML document; None with at least one problem when it cannot be read at all."""
    if len(text.encode()) > MAX_BYTES:
        return None, [Problem(1, f"is too large to be written by hand; at most {MAX_BYTES} bytes")]
    try:
        loader = (_TolerantLoader if tolerant else _Loader)(text)
        node = loader.get_single_node()
        if node is None:
            return None, [Problem(1, "is empty; a mapping of fields is expected")]
        duplicates = list(_duplicates(node))
        lines = dict(_lines(node, ()))
        return YamlSource(loader.construct_document(node), lines), duplicates
    except yaml.MarkedYAMLError as error:
        return None, [_as_problem(error)]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [Problem(line, "holds a control character, which YAML does not allow")]
    except (ValueError, OverflowError, LookupError, AttributeError) as error:
        # The last two: what PyYAML makes of a tag that its value cannot be, such as `!!bool 7`.
        return None, [Problem(1, f"holds a value that YAML cannot read: {error}")]
    except RecursionError:
        return None, [Problem(1, "is nested too deeply; a manifest needs three levels")]


def _as_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "cannot be read"
    if "'\\t'" in problem:
        problem = "a tab cannot indent YAML; use spaces"
    return Problem(mark.line + 1 if mark else 1, f"is not YAML: {problem}")


def _lines(node: yaml.Node, at: Location) -> Iterator[tuple[Location, int]]:
    """The line of every value, by its path; of a field, the line of its key."""
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _lines(value, (*at, key.value))
                yield (*at, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*at, index))


def _duplicates(node: yaml.Node) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in first:
                    yield Problem(
                        line,
                        f"{key.value} stands twice (first on line {first[key.value]}); keep one of them",
                    )
                first.setdefault(key.value, line)
            yield from _duplicates(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item)
