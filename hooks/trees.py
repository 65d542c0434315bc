"""Trees of the decision framework that have no patterns yet: templates/trees/, one file each."""

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path("templates") / "trees"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Step(_Model):
    """A question, and where each answer leads: to another step or to a choice."""

    question: str = Field(min_length=1)
    answers: dict[str, str] = Field(min_length=2)


class Choice(_Model):
    """Where the questions can end."""

    name: str = Field(min_length=1)
    when: str = Field(min_length=1)
    price: str = Field(min_length=1)


class Tree(_Model):
    """One tree: its number, what it decides, and its flow from the first step on."""

    number: int
    title: str = Field(min_length=1)
    question: str = Field(min_length=1)
    about: str = Field(min_length=1)
    flow: dict[str, Step] = Field(min_length=1)
    choices: dict[str, Choice] = Field(min_length=2)

    @model_validator(mode="after")
    def _leads_everywhere(self) -> Self:
        targets = [target for step in self.flow.values() for target in step.answers.values()]
        first = next(iter(self.flow))
        if strange := sorted(set(targets) - self.flow.keys() - self.choices.keys()):
            raise ValueError(f"leads to {', '.join(strange)}, which is neither a step nor a choice")
        if lonely := sorted((self.flow.keys() | self.choices.keys()) - set(targets) - {first}):
            raise ValueError(f"nothing leads to {', '.join(lonely)}")
        return self


def read_trees(root: Path) -> list[Tree]:
    """The trees by number; raises ValueError with the file and what is wrong in it."""
    trees = []
    for path in sorted((root / FOLDER).glob("*.yml")):
        try:
            trees.append(Tree.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (yaml.YAMLError, ValidationError) as error:
            raise ValueError(f"{path.relative_to(root).as_posix()}: {error}") from None
    return sorted(trees, key=lambda tree: tree.number)
