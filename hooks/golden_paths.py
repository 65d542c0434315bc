"""The golden paths: templates/golden_paths/, named sets of answers, one file each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .catalogue import Catalogue
from .findings import Finding, did_you_mean, listed
from .manifest import SLUG
from .yaml_source import YamlSource, read_yaml

FOLDER = Path("templates") / "golden_paths"
Sentence = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\n]*\S[^\n]*$")]


class GoldenPath(BaseModel):
    """One file: what it is called, for whom it is, and what it answers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    name: Annotated[str, StringConstraints(pattern=SLUG)]
    title: Sentence
    audience: Sentence = Field(alias="for")
    default: bool = False
    answers: dict[str, str | list[str]] = Field(min_length=1)
    locked: list[str] = []


def check_golden_paths(catalogue: Catalogue) -> Iterator[Finding]:
    """What is wrong with the files, and with the paths together."""
    defaults: list[Path] = []
    for path in sorted((catalogue.root / FOLDER).glob("*.yml")):
        source, problems = read_yaml(path.read_text(encoding="utf-8", errors="replace"))
        yield from (Finding(path, row.line, "file", row.message) for row in problems)
        if source is None:
            continue
        try:
            row = GoldenPath.model_validate(source.value)
        except ValidationError as error:
            for detail in error.errors():
                field = ".".join(map(str, detail["loc"])) or "file"
                yield Finding(path, source.line(*detail["loc"]), field, f"{detail['msg']}; see docs/golden-paths.md")
            continue
        if row.name != path.stem:
            yield Finding(
                path, source.line("name"), "name", f"{row.name!r} is not the file's name; it is {path.stem!r}"
            )
        if row.default:
            defaults.append(path)
        yield from _answers(catalogue, path, source, row)
    for path in defaults[1:]:
        yield Finding(path, 1, "default", f"{defaults[0].name} is the default too; one path can be")


def _answers(catalogue: Catalogue, path: Path, source: YamlSource, path_row: GoldenPath) -> Iterator[Finding]:
    """Every answer is a pattern that is possible after the ones before; what is locked is answered."""
    asked = [decision for decision in catalogue.decisions if decision.name in catalogue.questions]
    for name in path_row.answers.keys() - {decision.name for decision in asked}:
        message = f"{name!r} is no decision; {did_you_mean(name, [decision.name for decision in asked])}"
        yield Finding(path, source.line("answers", name), "answers", message)
    for index, name in enumerate(path_row.locked):
        if name not in path_row.answers:
            message = f"{name!r} has no answer here; possible: {listed(path_row.answers)}"
            yield Finding(path, source.line("locked", index), "locked", message)
    given: frozenset[str] = frozenset()
    for decision in catalogue.decisions:
        patterns = [row for _, row in catalogue.patterns if row.decision == decision.name]
        rows = [row for row in patterns if given.issuperset(row.needs)]
        if decision.implied:
            picked = rows
        elif decision.name in path_row.answers:
            answer = path_row.answers[decision.name]
            if isinstance(answer, str) is decision.multiple:
                kind = "a list" if decision.multiple else "one value"
                yield Finding(path, source.line("answers", decision.name), "answers", f"{decision.name} takes {kind}")
                continue
            values = [answer] if isinstance(answer, str) else answer
            for value in set(values) - {pattern.value for pattern in rows}:
                message = (
                    f"{decision.name}={value} is not possible after the answers before;"
                    f" {did_you_mean(value, [pattern.value for pattern in rows])}"
                )
                yield Finding(path, source.line("answers", decision.name), "answers", message)
            picked = [pattern for pattern in rows if pattern.value in values]
        else:
            picked = sorted(rows, key=lambda pattern: (not pattern.recommended, pattern.id))[:1]
        given = given.union(*(pattern.provides for pattern in picked))
