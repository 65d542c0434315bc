"""The entity features of one moment, in one JSON file beside the model."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..feature_matrix import ENTITIES
from ..model_folder import ModelFolder, write_atomically
from ..settings import Settings
from ..signature import Input

FILE_NAME = "snapshot.json"


class EntityRows(msgspec.Struct, frozen=True):
    """The features of one kind of entity, by its category; None stands for NaN."""

    features: tuple[str, ...]
    known: Mapping[str, tuple[float | None, ...]]
    unknown: tuple[float | None, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """What was known of every entity at `as_of`; times are seconds since 1970 UTC."""

    as_of: float
    newest: Mapping[str, float]
    """When the newest event of each of the domain's tables became known."""
    entities: Mapping[str, EntityRows]

    @property
    def data_as_of(self) -> float:
        """Up to when every table is known: the newest event of the one furthest behind."""
        return min(self.newest.values(), default=self.as_of)

    @property
    def missing(self) -> list[str]:
        """The features that no known entity has, because their table holds nothing recent."""
        return [
            name
            for rows in self.entities.values()
            for position, name in enumerate(rows.features)
            if all(_is_missing(values[position]) for values in rows.known.values())
        ]

    def write(self, path: Path) -> None:
        """Replace the file at `path`, atomically."""
        write_atomically(path, msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Snapshot":
        """Read the file at `path`; raises ValueError when it is no snapshot."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} is no snapshot of features: {error}") from error

    def tables(self, inputs: Sequence[Input]) -> dict[str, NDArray[np.float32]]:
        """The features of each entity by its code, float32[categories + 1, k]; UNKNOWN is the last.

        Raises ValueError when the snapshot holds other features than the code defines.
        """
        return {column.name: self._table(column) for column in inputs if column.name in ENTITIES}

    def _table(self, column: Input) -> NDArray[np.float32]:
        expected = tuple(feature.name for feature in ENTITIES[column.name])
        rows = self.entities.get(column.name)
        if rows is None or rows.features != expected:
            raise ValueError(f"the snapshot lacks the features of {column.name}: refresh it")
        return np.array(
            [*(rows.known.get(name, rows.unknown) for name in column.categories), rows.unknown],
            np.float32,
        )


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def snapshot_path(folder: ModelFolder, settings: Settings) -> Path:
    """Where the snapshot lies: in the model folder, unless the settings say otherwise."""
    return settings.snapshot_path or folder.path / FILE_NAME
