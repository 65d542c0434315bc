"""Each value that an environment, the image or a manifest gives a setting is one that the setting takes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError

from .repository import Repository
from .yaml_nodes import below, documents, everywhere, items, line, pairs, scalar

_TYPES: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "Path": PurePosixPath,
    "HttpUrl": HttpUrl,
}
_BOUNDS = ("ge", "gt", "le", "lt")
_WRITTEN = re.compile(r"\b(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>\"[^\"]*\"|'[^']*'|\S*)")


def value_problems(repository: Repository) -> Iterator[str]:
    """One sentence for each value that its setting refuses: the service would not start."""
    path = f"src/{repository.package}/settings.py"
    if not (facts := repository.python.get(path)) or not facts.env_prefix:
        return  # another check's problem
    source = repository.facts[path].text
    for name, row in repository.facts.items():
        if any(word.startswith(facts.env_prefix) for word in row.capitals):
            yield from _refused(source, facts.env_prefix, name, row.text)


@cache
def _refused(source: str, prefix: str, path: str, text: str) -> tuple[str, ...]:
    taken = _settings(source)
    problems: list[str] = []
    for number, variable, value in _given(path, text):
        setting = taken.get(variable.removeprefix(prefix).lower())
        if not variable.startswith(prefix) or not setting or "$" in value:
            continue
        try:
            setting.validate_python(value)
        except ValidationError as error:
            problems.append(f"{path}:{number}: {variable} cannot be {value!r}: {error.errors()[0]['msg']}.")
    return tuple(problems)


def _given(path: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Line, variable and value of each assignment in a file that sets the environment of the service."""
    name = PurePosixPath(path)
    if name.suffix == ".env":
        # Kustomize takes a line as it is, quotes and all.
        for number, row in enumerate(text.splitlines(), start=1):
            variable, equals, value = row.partition("=")
            if equals and not row.startswith("#"):
                yield number, variable, value
    elif name.name == "Dockerfile":
        for number, row in enumerate(text.splitlines(), start=1):
            for found in () if row.lstrip().startswith("#") else _WRITTEN.finditer(row):
                yield number, found["name"], found["value"].strip("\"'")
    elif name.suffix in (".yaml", ".yml"):
        for root in documents(text):
            for node in everywhere(root):
                yield from _given_in(node)


def _given_in(node: Any) -> Iterator[tuple[int, str, str]]:
    for row in items(node):
        # Compose: - NAME=value; Kubernetes: - name: NAME, value: value
        variable, equals, value = (scalar(row) or "").partition("=")
        if equals:
            yield line(row), variable, value
        named, given = scalar(below(row, "name")), below(row, "value")
        if named and (written := scalar(given)) is not None:
            yield line(row), named, written
    for variable, (key, value_node) in pairs(node).items():
        if (written := scalar(value_node)) is not None:
            yield line(key), variable, written


@cache
def _settings(source: str) -> dict[str, TypeAdapter[Any]]:
    """What reads the variable of each field of class Settings, by the field's name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, TypeAdapter[Any]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            for row in node.body:
                match row:
                    case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                        kind = _type(annotation)
                        found[name] = TypeAdapter(Annotated[kind, Field(**_bounds(value))] if kind else Any)
    return found


def _type(annotation: ast.expr) -> Any:
    """The type that an annotation names; none of one that is not known here."""
    match annotation:
        case ast.Name(id=name):
            return _TYPES.get(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _type(left)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=choices)):
            return Literal[tuple(row.value for row in choices if isinstance(row, ast.Constant))]
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Constant(value=value)):
            return Literal[value]
    return None


def _bounds(value: ast.expr | None) -> dict[str, Any]:
    keywords = value.keywords if isinstance(value, ast.Call) else []
    return {str(row.arg): ast.literal_eval(row.value) for row in keywords if row.arg in _BOUNDS}
