"""What one file names outside of itself: paths, commands, modules, environment variables. Once per distinct content."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from posixpath import normpath

from .markdown import Page, page
from .python_facts import PythonFacts, python_facts

_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_CHUNK = re.compile(r"""[^\s"'`,;:=()\[\]<>|]+""")
_TARGETS = re.compile(r"(?<![\w/-])make((?:\s+[a-z][\w-]*(?:=\S*)?)+)")
_MODULE = re.compile(r"""(?<![\w-])-m["',\s]+([A-Za-z_]\w*(?:\.\w+)*)""")
_PLAIN_PYTHON = re.compile(r"python3 +([\w./-]+\.py)")
_CAPITALS = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b")
_COMMAND = re.compile(r"(?:\$\(RUN\)|uv run(?: +--locked)?) +(.+)")
_RULE = re.compile(r"^([A-Za-z.][\w./-]*)(?: +[A-Za-z.][\w./-]*)*:(?!=)", re.MULTILINE)
_OWN_PAGE = re.compile(r"github\.com/([\w.-]+/[\w.-]+)/blob/main/([\w./-]+(?:#[\w-]+)?)")
_ADDRESS = re.compile(r"\b(?:https?://|[\w.-]+:\d+/)[^\s\"'`)]*")
_WRITTEN = re.compile(r"> *([\w./-]+)")
# Where a command is written out in YAML: a step, and a command in backticks in a comment.
_YAML_COMMANDS = re.compile(r"run: *(?:[|>][+-]?\s*\n((?:[ \t]+.*\n|\n)*)|(.+))|`([^`]+)`")


@dataclass(frozen=True)
class Claim:
    """A path that a file says exists."""

    text: str
    plain: str
    """Without a slash at its end."""
    beside: str
    """The same, from the folder of the file that says so."""
    top: str
    suffix: str


@dataclass(frozen=True)
class Facts:
    """What the checks of a whole service ask of a file."""

    python: PythonFacts | None
    page: Page | None
    claims: tuple[Claim, ...]
    mentions: frozenset[str]
    """Whatever in it may be a path, from the root of the repository, from the file's own folder, or with wildcards."""
    targets: frozenset[str]
    """The targets of make that it calls."""
    commands: frozenset[str]
    """The words of the commands that it runs in the development environment."""
    modules: frozenset[str]
    """What it runs by `python -m`."""
    plain_scripts: frozenset[str]
    """What it runs by a Python without the environment."""
    capitals: frozenset[str]
    """Its names in CAPITAL_LETTERS; of Python, those in strings."""
    links: tuple[str, ...]
    addresses: tuple[tuple[str, str], ...]
    """Pages on GitHub: repository, and path with anchor."""
    rules: frozenset[str]
    """The targets that it defines."""
    text: str


@cache
def facts(path: str, content: bytes) -> Facts:
    """The facts of a file; text that cannot be decoded is another check's problem."""
    text = content.decode("utf-8", errors="replace")
    name, suffix = PurePosixPath(path).name, PurePosixPath(path).suffix
    python = python_facts(path, content) if suffix == ".py" else None
    markdown = page(text) if suffix == ".md" else None
    spoken = "\n".join(python.strings) if python else text
    commands = list(_commands(name, suffix, text, markdown))
    return Facts(
        python=python,
        page=markdown,
        claims=tuple(_claim(path, word) for word in sorted(set(_claims(name, suffix, text, markdown)))),
        mentions=frozenset(_mentions(path, spoken)),
        targets=frozenset(
            word for row in commands for found in _TARGETS.finditer(row) for word in found[1].split() if "=" not in word
        ),
        commands=frozenset(
            word for row in _COMMAND.findall(text) for word in re.findall(r"[\w-]+", row) if not python and not markdown
        ),
        modules=frozenset(_MODULE.findall(text) if not python else ()),
        plain_scripts=frozenset(_PLAIN_PYTHON.findall(text)),
        capitals=frozenset(_CAPITALS.findall(spoken)),
        links=tuple(sorted(markdown.links)) if markdown else (),
        addresses=tuple(sorted(set(_OWN_PAGE.findall(text)))),
        rules=frozenset(_RULE.findall(text) if name == "Makefile" else ()),
        text=text,
    )


def _commands(name: str, suffix: str, text: str, markdown: Page | None) -> Iterator[str]:
    """The parts of a file that are commands; in its prose `make sure` calls nothing."""
    if markdown:
        yield from markdown.spans
        for block in markdown.blocks:
            # In a diagram a command is the whole text of a node.
            lines = block.text.splitlines()
            yield from (
                re.findall(r"[\[(](make [^\])]+)[\])]", block.text)
                if block.language == "mermaid"
                else (line.partition("#")[0] for line in lines if line.lstrip().startswith("make "))
            )
    elif suffix in (".yaml", ".yml"):
        for block_text, line, span in _YAML_COMMANDS.findall(text):
            yield from block_text.splitlines() or [line or span]
    elif name in ("Makefile", "Dockerfile"):
        yield from re.findall(r"`([^`]+)`", text)


def _claim(path: str, text: str) -> Claim:
    plain = text.rstrip("/")
    beside = normpath(f"{path.rpartition('/')[0] or '.'}/{plain}")
    return Claim(text, plain, beside, plain.split("/")[0], PurePosixPath(plain).suffix)


def _claims(name: str, suffix: str, text: str, markdown: Page | None) -> Iterator[str]:
    if markdown:
        spoken = [*markdown.spans, *(block.text for block in markdown.blocks if block.language in ("sh", "bash"))]
    elif suffix in (".yaml", ".yml") or name in ("Makefile", "Dockerfile", "CODEOWNERS"):
        spoken = [text]
    else:
        return
    for part in spoken:
        written = set(_WRITTEN.findall(part))
        for chunk in _CHUNK.findall(_ADDRESS.sub("", part)):
            # What a variable ends, such as deploy/overlays/$(env), is a folder so far.
            start, variable, _ = chunk.partition("$")
            plain = (start.rpartition("/")[0] + "/" if variable else chunk).removeprefix("./").rstrip(".")
            if plain not in written and _PATH.fullmatch(plain) and ("/" in plain or "." in plain):
                yield plain


def _mentions(path: str, spoken: str) -> Iterator[str]:
    folder = PurePosixPath(path).parent.as_posix()
    for chunk in set(_CHUNK.findall(spoken)):
        if "." in chunk or "/" in chunk:
            plain = chunk.rstrip("./")
            yield normpath(plain)
            yield normpath(f"{folder}/{plain}")
