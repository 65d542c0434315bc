"""Hook for generated services: patterns.lock agrees with Copier's answers.

Answers that were edited by hand, or a merge that took one file and not the other, leave a
repository that says it is something else than it is: the next update then starts from a lie.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding, listed, report
from .manifest import PATTERN_ID, SEMANTIC_VERSION
from .yaml_source import YamlSource, read_yaml

LOCK = "patterns.lock"
ANSWERS = ".copier-answers.yml"
FIELDS = {"id": PATTERN_ID, "decision": r".+", "value": r".+", "version": SEMANTIC_VERSION}


def check_lock(root: Path) -> Iterator[Finding]:
    """The findings about the two files in a service's root folder."""
    for name in (LOCK, ANSWERS):
        if not (root / name).is_file():
            yield Finding(root / name, 1, "file", "is missing; restore it from git")
            return
    lock, answers = root / LOCK, root / ANSWERS
    try:
        lock_text, answers_text = lock.read_text("utf-8"), answers.read_text("utf-8")
        rows = tomllib.loads(lock_text).get("pattern", [])
    except UnicodeDecodeError as error:
        yield Finding(lock, 1, "file", f"{LOCK} or {ANSWERS} is not UTF-8 text: {error.reason}")
        return
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        yield Finding(lock, int(line[1]) if line else 1, "file", f"is not TOML: {error}")
        return
    source, problems = read_yaml(answers_text)
    for problem in problems:
        yield Finding(answers, problem.line, "file", problem.message)
    if source is None or not isinstance(source.value, dict):
        if source is not None:
            yield Finding(answers, 1, "file", "is no mapping of answers; restore it from git")
        return
    yield from _compare(lock, lock_text, rows, answers, source)


def _compare(lock: Path, lock_text: str, rows: object, answers: Path, source: YamlSource) -> Iterator[Finding]:
    starts = [number for number, line in enumerate(lock_text.splitlines(), start=1) if line.strip() == "[[pattern]]"]
    if not isinstance(rows, list) or len(rows) != len(starts) or not rows:
        yield Finding(lock, 1, "pattern", "holds no [[pattern]] tables; run `copier update`")
        return
    locked: dict[str, dict[str, int]] = {}
    ids: dict[str, int] = {}
    for line, row in zip(starts, rows, strict=True):
        wrong = [
            name
            for name, shape in FIELDS.items()
            if not isinstance(row.get(name), str) or not re.fullmatch(shape, row[name])
        ]
        for name in wrong:
            yield Finding(lock, line, name, f"is missing or malformed; it looks like {FIELDS[name]}")
        if not wrong:
            if row["id"] in ids:
                yield Finding(lock, line, "id", f"{row['id']} stands on line {ids[row['id']]} too")
            ids.setdefault(row["id"], line)
            locked.setdefault(row["decision"], {}).setdefault(row["value"], line)
    for decision, values in locked.items():
        if decision not in source.value:
            continue  # a decision that is derived has no answer
        answer = source.value[decision]
        answered = [str(value) for value in (answer if isinstance(answer, list) else [answer])]
        for value, line in values.items():
            if value not in answered:
                yield Finding(
                    lock,
                    line,
                    decision,
                    f"{value} is locked, {ANSWERS} says {listed(answered)};"
                    " change answers by `copier update`, never by hand",
                )
        for value in answered:
            if value not in values:
                yield Finding(
                    answers,
                    source.line(decision),
                    decision,
                    f"{value} is answered, {LOCK} says {listed(values)};"
                    " change answers by `copier update`, never by hand",
                )


def main() -> int:
    """Check the repository in the working folder."""
    root = Path.cwd()
    return report(check_lock(root), root)


if __name__ == "__main__":
    sys.exit(main())
