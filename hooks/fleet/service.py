"""One service, as its patterns.lock and its .copier-answers.yml tell of it."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..manifest import PATTERN_ID, SEMANTIC_VERSION, SLUG
from ..patterns_lock import ANSWERS, LOCK, check_lock
from ..yaml_source import MAX_BYTES, read_yaml
from .plain import plain, without_secret

MAX_PATTERNS = 200
MAX_OVERRULED = 50
MAX_PROBLEMS = 5
# A dotted key costs the square of its length: one that fills the file would take a minute.
MAX_LINE = 1_000
SHAPES = {"id": PATTERN_ID, "decision": SLUG, "value": SLUG, "version": SEMANTIC_VERSION}
MAX_FIELD = 60


class UnreadableError(Exception):
    """A file of a service cannot be read; the message is a sentence that begins with its name."""


@dataclass(frozen=True)
class Locked:
    """One pattern that a service is composed of."""

    id: str
    decision: str
    value: str
    version: str


@dataclass(frozen=True)
class Overruled:
    """A decision that the team took against the recommendation of the guided way."""

    decision: str
    recommended: tuple[str, ...]
    chosen: tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """What a service says about itself; what it does not say, or says in no readable way, is empty."""

    name: str
    template: str = ""
    """Where it was copied from, as in `_src_path`, without a password."""
    commit: str = ""
    """The revision it was made from, as in `_commit`."""
    golden_path: str = ""
    patterns: tuple[Locked, ...] = ()
    overruled: tuple[Overruled, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences: what is wrong with its files."""


def read_service(folder: Path) -> Service:
    """The service in a folder; what is wrong with it is among its `problems`, nothing is raised."""
    problems: list[str] = []
    answers: dict[str, Any] = {}
    patterns: tuple[Locked, ...] = ()
    overruled: tuple[Overruled, ...] = ()
    try:
        answers = _answers(folder)
    except UnreadableError as error:
        problems.append(str(error))
    try:
        lock = _lock(folder)
        patterns = tuple(_patterns(lock, problems))
        if not problems:
            problems += _disagreements(folder)
        overruled = tuple(_overruled(lock))
    except UnreadableError as error:
        problems.append(str(error))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} findings more"]

    def answer(name: str) -> str:
        value = answers.get(name)
        return plain(without_secret(value)) if isinstance(value, str) else ""

    return Service(
        name=answer("project_name") or plain(folder.name),
        template=answer("_src_path"),
        commit=answer("_commit"),
        golden_path=answer("golden_path"),
        patterns=patterns,
        overruled=overruled,
        problems=tuple(problems),
    )


def read_bytes(folder: Path, name: str) -> bytes:
    """A regular file of at most MAX_BYTES that lies in the folder itself; raises UnreadableError."""
    try:
        # Neither a link is followed nor a pipe waited for.
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise UnreadableError(f"{name} is missing; restore it from git") from None
    except OSError as error:
        if (folder / name).is_symlink():
            raise UnreadableError(f"{name} is a link, which is not followed; put the file itself there") from None
        raise UnreadableError(f"{name} cannot be opened: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UnreadableError(f"{name} is no regular file; restore it from git")
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"{name} cannot be read: {error.strerror}") from None
    finally:
        os.close(handle)
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"{name} is larger than {MAX_BYTES} bytes; restore it from git")
    return content


def _text(folder: Path, name: str) -> str:
    try:
        return read_bytes(folder, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{name} is not UTF-8 text: {error.reason}; restore it from git") from None


def _answers(folder: Path) -> dict[str, Any]:
    source, problems = read_yaml(_text(folder, ANSWERS))
    if source is None:
        raise UnreadableError(f"{ANSWERS}:{problems[0].line} {plain(problems[0].message)}")
    if not isinstance(source.value, dict):
        raise UnreadableError(f"{ANSWERS} is no mapping of answers; restore it from git")
    return source.value


def _lock(folder: Path) -> dict[str, Any]:
    text = _text(folder, LOCK)
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE:
            raise UnreadableError(f"{LOCK}:{number} is longer than {MAX_LINE} characters; run `make update`")
    try:
        lock = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{LOCK} is not TOML: {plain(error)}") from None
    rows = lock.get("pattern")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UnreadableError(f"{LOCK} holds no [[pattern]] tables; run `make update`")
    if len(rows) > MAX_PATTERNS:
        raise UnreadableError(f"{LOCK} holds {len(rows)} patterns; at most {MAX_PATTERNS} are read")
    return lock


def _patterns(lock: dict[str, Any], problems: list[str]) -> Iterator[Locked]:
    """The rows that are what they should be; each of the others is added to the problems."""
    for number, row in enumerate(lock["pattern"], start=1):
        wrong = [name for name, shape in SHAPES.items() if not _is_shaped(row.get(name), shape)]
        if wrong:
            problems.append(f"{LOCK}: [[pattern]] number {number} has no valid {', '.join(wrong)}; run `make update`")
        else:
            yield Locked(**{name: row[name] for name in SHAPES})


def _is_shaped(value: object, shape: str) -> bool:
    return isinstance(value, str) and len(value) <= MAX_FIELD and bool(re.fullmatch(shape, value))


def _overruled(lock: dict[str, Any]) -> Iterator[Overruled]:
    rows = lock.get("overruled", [])
    if not isinstance(rows, list) or len(rows) > MAX_OVERRULED:
        raise UnreadableError(
            f"{LOCK} holds no list of at most {MAX_OVERRULED} [[overruled]] tables; run `make update`"
        )
    for number, row in enumerate(rows, start=1):
        decision = row.get("decision") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not _is_shaped(decision, SLUG):
            raise UnreadableError(f"{LOCK}: [[overruled]] number {number} names no decision; run `make update`")
        values = [row.get(name) for name in ("recommended", "chosen")]
        if not all(isinstance(value, list) and len(value) <= MAX_PATTERNS for value in values):
            raise UnreadableError(f"{LOCK}: [[overruled]] {decision} lacks a list of values; run `make update`")
        recommended, chosen = (tuple(plain(one, MAX_FIELD) for one in value or ()) for value in values)
        yield Overruled(str(decision), recommended, chosen)


def _disagreements(folder: Path) -> list[str]:
    """What the hook finds that services run on each commit: the lock and the answers say the same."""
    try:
        found = sorted(set(check_lock(folder)))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists
        return [f"{ANSWERS} holds an answer that cannot be shown: {plain(error)}"]
    return [plain(f"{finding.path.name}:{finding.line} {finding.field}: {finding.message}") for finding in found]
