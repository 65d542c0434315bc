"""What the model takes and gives: the one description that every other part reads.

Training writes it into the model folder; request parsing, documentation, validation and
monitoring read it from there.
"""

from pathlib import Path
from typing import Literal

import msgspec


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One named input of a request.

    A `category` is text. With `accepts_unknown` the set is open: `categories` are those that
    training knows, and any other text that matches `pattern` is unknown.
    A `number` lies between `minimum` and `maximum`, in `unit`.
    A `timestamp` is ISO 8601 text with a UTC offset, from `earliest` to `latest`.
    """

    name: str
    type: Literal["category", "number", "timestamp"]
    description: str
    example: str | int | float
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    earliest: str | None = None
    latest: str | None = None
    categories: tuple[str, ...] = ()
    accepts_unknown: bool = False
    pattern: str | None = None
    personal: bool = False
    """It is about a person: what is asked is not written down, and no label shows it. The model
    folder has what training learns from all rows together: categories, quantiles."""


class Output(msgspec.Struct, frozen=True):
    """The name and the meaning of the number that the model answers with."""

    name: str
    description: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A model's name and version, its inputs, its features in matrix order, its output."""

    name: str
    version: str
    inputs: tuple[Input, ...]
    features: tuple[str, ...]
    output: Output

    @property
    def example(self) -> dict[str, str | int | float]:
        """One valid row, as a caller would send it."""
        return {column.name: column.example for column in self.inputs}

    def write(self, path: Path) -> None:
        """Write the signature to `path` as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Signature":
        """Read the signature at `path`; raises ValueError when it is no signature."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} is no signature of a model: {error}") from error
