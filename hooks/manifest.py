"""The manifest of a pattern: its one schema.

`python -m hooks.manifest` prints it as JSON Schema, for editors and for the documentation.
"""

import json
import keyword
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .findings import listed

SEMANTIC_VERSION = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"
SLUG = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
PATTERN_ID = r"^ML-[A-Z]{2,8}-\d{3}$"


def problem(message: str, field: str = "") -> PydanticCustomError:
    """An error of our own: a whole sentence, optionally about a field below the model."""
    return PydanticCustomError("rule", "{message}", {"message": message, "field": field})


def _plain_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if "\\" in path or path.startswith("/") or ".." in parts or str(PurePosixPath(path)) != path:
        raise problem(f"{path!r} is no plain relative path; write it as it stands below files/")
    return path


def _bounded(text: str) -> str:
    """PEP 508 with both bounds: without a lower one a resolver goes back years in silence."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise problem(f"{text!r} is no PEP 508 requirement ({reason}); e.g. name>=1.2,<2") from None
    if requirement.url:
        raise problem(f"{text!r} is an address; give a name and a range, e.g. name>=1.2,<2")
    operators = {specifier.operator for specifier in requirement.specifier}
    if not operators & {"==", "===", "~="}:
        if not operators & {">=", ">"}:
            raise problem(f"{text!r} has no lower bound; e.g. {requirement.name}>=1.2,<2")
        if not operators & {"<=", "<"}:
            raise problem(f"{text!r} has no upper bound; e.g. {requirement.name}>=1.2,<2")
    return text


def _settable(name: str) -> str:
    if keyword.iskeyword(name) or hasattr(BaseModel, name):
        raise problem(f"{name!r} is taken by Python or pydantic; choose another name")
    return name


Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\n]*\S[^\n]*\n?$")]
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=40)]
FilePath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_plain_path)]
Dependency = Annotated[str, AfterValidator(_bounded)]
Scalar = bool | int | float | str
Number = int | float


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Consequences(_Model):
    """What choosing the pattern gains and costs, for the decision record."""

    gains: list[Text] = Field(min_length=1, description="a list of sentences, at least one")
    costs: list[Text] = Field(min_length=1, description="a list of sentences, at least one")


class Dependencies(_Model):
    """PEP 508 requirements with a lower and an upper bound, by who imports them."""

    runtime: list[Dependency] = Field(
        default=[], description="requirements of the serving process, each a name and its range"
    )
    train: list[Dependency] = Field(default=[], description="requirements of training, each a name and its range")
    dev: list[Dependency] = Field(default=[], description="requirements of tests and lint, each a name and its range")
    optional: dict[Slug, list[Dependency]] = Field(
        default={},
        description="extras that a setting may ask for: a name, and the requirements; tests have them all",
    )

    @property
    def every(self) -> list[str]:
        """The requirements of all groups."""
        extras = [text for rows in self.optional.values() for text in rows]
        return [*self.runtime, *self.train, *self.dev, *extras]

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        for group in ("runtime", "train", "dev"):
            names = [Requirement(text).name.lower() for text in getattr(self, group)]
            for index, name in enumerate(names):
                if name in names[:index]:
                    raise problem(f"{name} stands twice in {group}; keep one", f"{group}.{index}")
        return self


class Setting(_Model):
    """One environment variable of the service, merged into its typed settings."""

    name: Annotated[Slug, AfterValidator(_settable)] = Field(
        description="lower case words joined by underscores, e.g. max_batch_rows"
    )
    type: Literal["bool", "int", "float", "str", "Path", "HttpUrl"] = Field(
        description="bool, int, float, str, Path or HttpUrl"
    )
    default: Scalar | None = Field(description="a value of the type that works on a laptop, or null for none")
    help: Line = Field(description="one line: what it does, its unit")
    ge: Number | None = Field(default=None, description="a number: the lowest value allowed")
    gt: Number | None = Field(default=None, description="a number: values must be greater")
    le: Number | None = Field(default=None, description="a number: the highest value allowed")
    choices: list[Scalar] | None = Field(
        default=None, min_length=2, description="a list of the values allowed, at least two"
    )
    when: Slug | None = Field(default=None, description="a capability: only then it exists")

    @model_validator(mode="after")
    def _default_is_possible(self) -> Self:
        for field in ("ge", "gt", "le"):
            if getattr(self, field) is not None and self.type not in ("int", "float"):
                raise problem(f"bounds a {self.type}; only int and float have bounds", field)
        for index, choice in enumerate(self.choices or []):
            if not _is_a(choice, self.type):
                raise problem(f"{choice!r} is no {self.type}; give a {self.type}", f"choices.{index}")
        value = self.default
        if value is None:
            return self
        if not _is_a(value, self.type):
            raise problem(f"{value!r} is no {self.type}; give a {self.type}", "default")
        if self.choices is not None and value not in self.choices:
            possible = listed(str(choice) for choice in self.choices)
            raise problem(f"{value!r} is not among the choices; possible: {possible}", "default")
        if isinstance(value, int | float):
            if self.ge is not None and value < self.ge:
                raise problem(f"{value} is below ge; at least {self.ge}", "default")
            if self.gt is not None and value <= self.gt:
                raise problem(f"{value} is not above gt; more than {self.gt}", "default")
            if self.le is not None and value > self.le:
                raise problem(f"{value} is above le; at most {self.le}", "default")
        return self


def _is_a(value: Scalar, kind: str) -> bool:
    """Whether a value of YAML is one of a setting's type; true and false are no numbers."""
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


class Wiring(_Model):
    """One import of the service's composition root, or of the one of training."""

    module: str = Field(
        pattern=r"^(\.[a-z_][a-z0-9_]*)+$",
        description="a relative module of the package, e.g. .monitoring.metrics",
    )
    names: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]] = Field(
        min_length=1, description="a list of the names imported from it"
    )
    when: Slug | None = Field(default=None, description="a capability: only then it is imported")


class ConditionalFile(_Model):
    """A file that exists only beside a capability."""

    path: FilePath = Field(description="a path relative to files/")
    when: Slug = Field(description="the capability it needs")


def _kind_of_file(value: object) -> str:
    return "path" if isinstance(value, str) else "conditional"


ListedFile = Annotated[
    Annotated[FilePath, Tag("path")] | Annotated[ConditionalFile, Tag("conditional")],
    Discriminator(_kind_of_file),
]


class Manifest(_Model):
    """pattern.yml of a pattern folder."""

    id: str = Field(pattern=PATTERN_ID, description="ML-<AREA>-<NNN>, e.g. ML-DEP-003; never reused")
    decision: Slug = Field(description="the decision it answers: the name of the parent folder")
    value: Slug = Field(description="its value in that decision: the name of the folder")
    name: Line = Field(description="the name of the field, e.g. Canary release")
    summary: Line = Field(description="one line, shown in the questionnaire")
    version: str = Field(pattern=SEMANTIC_VERSION, description="a semantic version, three numbers, e.g. 1.0.0")
    status: Literal["experimental", "stable", "deprecated"] = Field(description="experimental, stable or deprecated")
    replaced_by: Annotated[str, StringConstraints(pattern=PATTERN_ID)] | None = Field(
        default=None, description="the id of the pattern that takes over from a deprecated one"
    )
    remove_after: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")] | None = Field(
        default=None,
        description='a date in quotes, e.g. "2027-06-30": until then a deprecated one stays',
    )
    formerly: list[Slug] = Field(
        default=[],
        description="a list of former values: a service that remembers one is moved here by its next update",
    )
    recommended: bool = Field(
        default=False, description="true for the one that is the default of its decision where no golden path says more"
    )
    fits: dict[Slug, list[Slug]] = Field(
        default={}, description="criteria of the guided way, each with the answers that speak for it"
    )
    against: dict[Slug, list[Slug]] = Field(
        default={}, description="criteria of the guided way, each with the answers that speak against it"
    )
    unfit: dict[Slug, list[Slug]] = Field(
        default={}, description="criteria of the guided way, each with the answers with which it cannot work"
    )
    provides: list[Slug] = Field(default=[], description="a list of capabilities it gives")
    needs: list[Slug] = Field(default=[], description="a list of capabilities that earlier decisions must provide")
    context: Text = Field(description="one or two sentences: which force leads here")
    consequences: Consequences = Field(description="a mapping of gains and costs")
    revisit_when: Text = Field(description="one sentence: what should reopen the decision")
    dependencies: Dependencies = Field(default=Dependencies(), description="a mapping of groups")
    unimported: dict[str, Line] = Field(
        default={},
        description="those of its own dependencies that no code imports and no command calls, each with the reason",
    )
    settings: list[Setting] = Field(default=[], description="a list of settings")
    wiring: list[Wiring] = Field(default=[], description="a list of imports of wiring.py")
    training_wiring: list[Wiring] = Field(default=[], description="a list of imports of training/steps.py")
    typing_ignores: list[Annotated[str, StringConstraints(pattern=r"^[\w.]+(\.\*)?$")]] = Field(
        default=[], description="a list of modules without type information, e.g. onnxruntime.*"
    )
    traces: list[Annotated[str, StringConstraints(min_length=3, pattern=r"^\S+$")]] = Field(
        default=[], description="a list of words that must stand nowhere in a service without the pattern, e.g. grafana"
    )
    files: list[ListedFile] = Field(
        default=[], description="a list of every file under files/: a path, or {path, when}"
    )

    @property
    def listed_files(self) -> list[tuple[str, str | None]]:
        """Path and the capability it needs, if any."""
        return [(file, None) if isinstance(file, str) else (file.path, file.when) for file in self.files]

    @model_validator(mode="after")
    def _unimported_is_declared(self) -> Self:
        names = {Requirement(text).name.lower() for text in self.dependencies.every}
        for name in self.unimported:
            if name not in names:
                raise problem(f"{name!r} is no dependency of this pattern; possible: {listed(names)}", "unimported")
        return self

    @model_validator(mode="after")
    def _deprecation_is_complete(self) -> Self:
        for field in ("replaced_by", "remove_after"):
            given = getattr(self, field) is not None
            if self.status == "deprecated" and not given:
                hint = Manifest.model_fields[field].description
                raise problem(f"is missing in a deprecated pattern; {hint}", field)
            if self.status != "deprecated" and given:
                raise problem(f"stands in a pattern that is {self.status}; leave it out", field)
        return self


def main() -> int:
    """Print the JSON Schema of a manifest."""
    schema = Manifest.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    print(json.dumps(schema, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
