"""What one file of a service must keep, whatever else the service holds. Each distinct content is checked once."""

import json
import re
import tomllib
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import yaml

from hooks.diagrams import mermaid_problems

from .markdown import page
from .never_run import never_run
from .python_facts import python_facts
from .shapes import shape_problems

Found = Iterator[tuple[int, str]]
"""Line and sentence."""

MAY_BE_EMPTY = "py.typed"
ANSWERS = ".copier-answers.yml"
TEMPLATE_NAMES = ("__package__", "pattern_fragments", "StrictUndefined", "_copier_conf")
_TEMPLATE_NAME = re.compile("|".join(TEMPLATE_NAMES))
_STATEMENT = re.compile(r"(?<!\$)\{[%#]")
_EXPRESSION = re.compile(r"(?P<dollar>\$?)\{\{-?\s*(?P<inside>.*?)\s*-?\}\}")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)
# One word below /tmp is a folder of a container; what a machine leaves there lies deeper.
_MACHINE = re.compile(
    r"(?<![\w.~/-])(/(?:(?:home|Users|work|workspace)/\w[\w./-]*|tmp/(?:[\w.-]+/[\w./-]*|[\w-]*\.[\w.-]+)))|\b[A-Z]:\\\w+"
)
_INSTRUCTION = re.compile(
    r"ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR"
)
_TARGETS = re.compile(r"([^\s#:=][^#:=]*):(?![:=])")
_CONDITION = re.compile(r"(?:ifeq|ifneq|ifdef|ifndef|endif)\b")
_VARIABLE = re.compile(r"[A-Za-z_]\w*=.*")


def problems_of_file(path: str, content: bytes) -> list[str]:
    """One sentence for each problem, with file and line."""
    return list(_problems(path, content))


@cache
def _problems(path: str, content: bytes) -> tuple[str, ...]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (f"{path}:{line}: is not UTF-8 text ({error.reason}).",)
    found = [*_text(path, text), *_template(path, text)]
    if check := _kind(path):
        found += check(path, text)
    return tuple(f"{path}:{line}: {message}" for line, message in sorted(found))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# --- Any text


def _text(path: str, text: str) -> Found:
    if not text.strip():
        if PurePosixPath(path).name != MAY_BE_EMPTY:
            yield 1, "is empty; fill it or leave it out."
        return
    last = text.count("\n") + (not text.endswith("\n"))
    if not text.endswith("\n"):
        yield last, "does not end with a newline."
    elif text.endswith("\n\n"):
        yield last, "ends with a blank line; end with one newline."
    for name, mark in (("a carriage return", "\r"), ("a null byte", "\0"), ("a byte order mark", "\ufeff")):
        if mark in text:
            yield _line(text, text.index(mark)), f"holds {name}."
    if match := re.search(r"[ \t]+$", text, re.MULTILINE):
        yield _line(text, match.start()), "has trailing blanks."
    if match := _CONFLICT.search(text):
        yield _line(text, match.start()), f"holds the mark of a merge conflict, {match[1]}."
    for match in _MACHINE.finditer(text):
        line = _line(text, match.start())
        # The answers file must name where the template is.
        if not (path == ANSWERS and text.splitlines()[line - 1].startswith("_src_path:")):
            yield line, f"names {match[0]}, a path of somebody's machine."


def _template(path: str, text: str) -> Found:
    for match in _TEMPLATE_NAME.finditer(text):
        yield _line(text, match.start()), f"holds {match[0]}, which only the template knows."
    for match in _STATEMENT.finditer(text):
        yield _line(text, match.start()), f"holds {match[0]}, a rest of Jinja."
    foreign = next((shape for folder, shape in _FOREIGN if path.startswith(folder)), None)
    for match in _EXPRESSION.finditer(text):
        if path.endswith(".py") and not match[0].startswith("{{ "):
            continue  # {{name}} is a brace of an f-string
        if not (foreign and foreign.fullmatch(match["dollar"] + match["inside"])):
            yield _line(text, match.start()), f"holds {match[0]}, a rest of Jinja."


# Whose expressions look like Jinja: GitHub's ${{ github.ref }} and Docker's {{ index .X }} in workflows, Prometheus'
# {{ $value }} and Grafana's {{label}} in what monitors, Argo's {{args.name}} in an analysis.
_FOREIGN = (
    (
        ".github/",
        re.compile(r"\$(github|inputs|secrets|env|matrix|steps|needs|runner|vars|job)\..+|(index |json )?\..+"),
    ),
    ("deploy/base/", re.compile(r"args\.[\w-]+")),
    ("deploy/monitoring/", re.compile(r"\$\w+.*|\w+|printf .+|with .+|end|range .+|\. *\|.+")),
)


# --- By kind


def _kind(path: str) -> Callable[[str, str], Found] | None:
    name = PurePosixPath(path).name
    return _BY_NAME.get(name) or _BY_SUFFIX.get(PurePosixPath(path).suffix)


def _python(path: str, text: str) -> Found:
    facts = python_facts(path, text.encode())
    if facts.error:
        yield facts.error_line, f"is not Python: {facts.error}."
    yield from never_run(path, text)


def _toml(path: str, text: str) -> Found:  # noqa: ARG001 (one signature for every kind)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        yield int(found[1]) if found else _line(text, len(text)), f"is not TOML: {error}."


def _json(path: str, text: str) -> Found:  # noqa: ARG001
    try:
        json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        yield error.lineno, f"is not JSON: {error.msg}."
    except KeyError as error:
        yield _line(text, text.rfind(f'"{error.args[0]}"')), f"gives the key {error.args[0]!r} twice in one object."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for key, value in pairs:
        if key in known:
            raise KeyError(key)
        known[key] = value
    return known


class _Yaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML keeps the last of two equal keys in silence; Kubernetes and GitHub refuse them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def _yaml(path: str, text: str) -> Found:
    try:
        list(yaml.load_all(text, Loader=_Yaml))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield mark.line + 1 if mark else 1, f"is not YAML: {getattr(error, 'problem', None) or error}."
    else:
        yield from shape_problems(path, text)


def _env(path: str, text: str) -> Found:  # noqa: ARG001
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#") and not _VARIABLE.fullmatch(line):
            yield number, f"{line!r} is no NAME=value."


def _makefile(path: str, text: str) -> Found:  # noqa: ARG001
    continued = False
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r" *\t| +\S", line) and not line.startswith("\t") and not continued:
            yield number, "begins with spaces; a recipe begins with a tab."
        continued = line.endswith("\\")
    yield from _second_recipes(text.splitlines())


def _second_recipes(lines: list[str]) -> Found:
    """Of two recipes for one target make takes the last; branches of a condition may each give one."""
    first: dict[str, int] = {}
    targets: list[str] = []
    depth = rule = 0
    for number, line in enumerate(lines, start=1):
        if line.startswith("\t"):
            for target in targets:
                if first.setdefault(target, rule) != rule:
                    yield rule, f"gives {target} a second recipe; the first, in line {first[target]}, is lost."
            targets = []
        elif _CONDITION.match(line):
            depth += 1 if line.startswith("if") else -1
            targets = []
        elif line and not line.startswith("#"):
            found = _TARGETS.match(line)
            targets, rule = (found[1].split() if found and not depth else []), number


def _dockerfile(path: str, text: str) -> Found:  # noqa: ARG001
    continued = False
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        row = line.strip()
        if not row or row.startswith("#"):
            continue
        if not continued:
            word, _, rest = row.partition(" ")
            if not _INSTRUCTION.fullmatch(word):
                yield number, f"{word!r} is no instruction of a Dockerfile."
            elif first and word not in ("ARG", "FROM"):
                yield number, "begins with something else than ARG or FROM."
            elif word in ("CMD", "ENTRYPOINT") and not _is_exec(rest):
                yield number, f"{word} is no JSON list; a shell would keep SIGTERM from the process."
        first = False
        continued = row.endswith("\\")
    if not re.search(r"^FROM ", text, re.MULTILINE):
        yield 1, "has no FROM."


def _is_exec(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except json.JSONDecodeError:
        return False


def _markdown(path: str, text: str) -> Found:
    for block in page(text).blocks:
        if not block.closed:
            yield block.line - 1, "opens a fence that is never closed."
        elif block.language == "mermaid":
            yield from ((block.line - 1 + row.line, f"Mermaid: {row.message}.") for row in mermaid_problems(block.text))
        elif check := _BY_SUFFIX.get(f".{_LANGUAGES.get(block.language, block.language)}"):
            yield from ((block.line - 1 + line, message) for line, message in check(path, block.text))


_LANGUAGES = {"python": "py", "yml": "yaml"}
_BY_NAME: dict[str, Callable[[str, str], Found]] = {
    "Dockerfile": _dockerfile,
    "Makefile": _makefile,
}
_BY_SUFFIX: dict[str, Callable[[str, str], Found]] = {
    ".env": _env,
    ".json": _json,
    ".lock": _toml,
    ".md": _markdown,
    ".py": _python,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
