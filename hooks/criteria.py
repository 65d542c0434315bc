"""The criteria of the guided way: templates/criteria/, one file each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .findings import Finding, did_you_mean
from .manifest import SLUG
from .yaml_source import read_yaml

FOLDER = Path("templates") / "criteria"

UNKNOWN = "unknown"
"""The answer that every question has: it is not known yet."""


@dataclass(frozen=True)
class Criterion:
    """One question of the guided way, from templates/criteria/."""

    name: str
    title: str
    question: str
    help: str
    unknown: str
    """The question as part of a sentence, for what is not known yet."""
    answers: tuple[tuple[str, str, str], ...]
    """Each value with its label and, for reasons, a clause."""
    unmet: Mapping[str, str]
    """By value: what a team can do where no pattern does what it says."""

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(value for value, _, _ in self.answers)

    def clause(self, value: str) -> str:
        """What an answer says, as a part of a sentence."""
        if value == UNKNOWN:
            return f"it is not known yet {self.unknown}"
        return next(clause for known, _, clause in self.answers if known == value)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    value: Annotated[str, StringConstraints(pattern=SLUG)]
    label: Annotated[str, StringConstraints(min_length=1)]
    clause: Annotated[str, StringConstraints(min_length=1)]
    unmet: Annotated[str, StringConstraints(min_length=1)] | None = None


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(pattern=SLUG)]
    title: Annotated[str, StringConstraints(min_length=1)]
    question: Annotated[str, StringConstraints(min_length=1)]
    help: Annotated[str, StringConstraints(min_length=1)]
    unknown: Annotated[str, StringConstraints(min_length=1)]
    answers: list[_Answer] = Field(min_length=2)


def read_criteria(root: Path, asked: Sequence[str]) -> tuple[list[Criterion], list[Finding]]:
    """The criteria in the order they are asked, and what is wrong with their files."""
    found: dict[str, Criterion] = {}
    findings: list[Finding] = []
    for path in sorted((root / FOLDER).glob("*.yml")):
        source, problems = read_yaml(path.read_text(encoding="utf-8", errors="replace"))
        findings += [Finding(path, row.line, "file", row.message) for row in problems]
        if source is None:
            continue
        try:
            row = _Source.model_validate(source.value)
        except ValidationError as error:
            for detail in error.errors():
                field = ".".join(map(str, detail["loc"])) or "file"
                findings.append(Finding(path, source.line(*detail["loc"]), field, f"{detail['msg']}."))
            continue
        if row.name != path.stem:
            findings.append(Finding(path, source.line("name"), "name", f"is not the file's name; it is {path.stem!r}"))
        if row.name not in asked:
            message = f"{row.name} is asked by no decision of copier.yml; {did_you_mean(row.name, asked)}"
            findings.append(Finding(path, source.line("name"), "name", message))
        answers = tuple((answer.value, answer.label, answer.clause) for answer in row.answers)
        unmet = {answer.value: answer.unmet for answer in row.answers if answer.unmet}
        found[row.name] = Criterion(row.name, row.title, row.question, row.help, row.unknown, answers, unmet)
    for name in dict.fromkeys(asked):
        if name not in found:
            message = f"the decisions ask for {name}, and there is no {FOLDER.as_posix()}/{name}.yml"
            findings.append(Finding(root / "copier.yml", 1, "asks", message))
    return [found[name] for name in dict.fromkeys(asked) if name in found], findings
