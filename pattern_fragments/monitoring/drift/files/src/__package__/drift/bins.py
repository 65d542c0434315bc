"""Where values fall: the bins of the reference, for all that is watched."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..signature import Input, Signature
from ..training.reference import Distribution, Frequencies, Reference
from .effect_size import psi, shares

PREDICTION = "prediction"
"""What the model's answers are called among the features."""

MOST_CATEGORIES = 19
"""Of a larger set the most frequent ones have a bin each, and the rest share one."""

MISSING, OTHERS, UNKNOWN = "(missing)", "(others)", "(unknown)"

Values = Mapping[str, NDArray[Any]]
"""n values of each thing watched: codes of categories, and numbers with NaN for what is missing."""


def watched(
    signature: Signature,
    columns: Columns,
    features: NDArray[np.float32],
    predictions: NDArray[np.float32],
) -> dict[str, NDArray[Any]]:
    """The inputs, the features that are no input, and the predictions of n rows, by name."""
    return {
        **{name: features[:, place] for place, name in enumerate(signature.features)},
        **{
            column.name: columns[column.name]
            for column in signature.inputs
            if column.type != "timestamp"
        },
        PREDICTION: predictions,
    }


class Bins:
    """The bins of all that is watched, side by side: group i begins at starts[i]."""

    def __init__(self, reference: Reference) -> None:
        parts: dict[str, Distribution | Frequencies] = {
            **reference.features,
            **reference.inputs,
            PREDICTION: reference.predictions,
        }
        self._bins = {name: _bins(part) for name, part in parts.items()}
        self.names = tuple(self._bins)
        self.labels = [(name, label) for name in self.names for label in self._bins[name].labels]
        sizes = [len(bins.labels) for bins in self._bins.values()]
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.expected = np.concatenate([bins.expected for bins in self._bins.values()])

    @classmethod
    def read(cls, path: Path, signature: Signature) -> "Bins":
        """Those of a model's reference.json; raises ValueError when it is none.

        Inputs that the signature marks as personal are left out, and features of the same name:
        the bins are shown to whoever may see figures.
        """
        personal = {column.name for column in signature.inputs if column.personal}
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
            inputs = {
                column.name: _input(column, stored.inputs[column.name])
                for column in signature.inputs
                if column.type != "timestamp" and column.name not in personal
            }
        except (msgspec.DecodeError, KeyError) as error:
            raise ValueError(f"{path} is no reference of this model: {error}") from error
        features = {name: part for name, part in stored.features.items() if name not in personal}
        return cls(Reference(stored.rows, inputs, features, stored.predictions))

    def is_number(self, name: str) -> bool:
        """Whether a thing that is watched is a number; else it is a category."""
        return isinstance(self._bins[name], _Numbers)

    def edges(self, name: str) -> list[float]:
        """The edges between the bins of a number; a category has none."""
        return self._bins[name].edges

    def count(self, values: Values) -> NDArray[np.int64]:
        """How many of n rows fall into each bin, int64[b]; 0 where `values` has none."""
        return np.concatenate(
            [np.bincount(codes, minlength=size) for codes, size in self._codes(values)]
        )

    def count_by(self, values: Values, groups: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """The same for each of some groups of rows, int64[number, b]."""
        return np.concatenate(
            [
                np.bincount(groups * size + codes, minlength=number * size).reshape(number, size)
                for codes, size in self._codes(values)
            ],
            axis=1,
        )

    def psi(
        self, counts: NDArray[Any], expected: NDArray[Any] | None = None
    ) -> NDArray[np.float64]:
        """The PSI of each thing watched to the reference, or to other counts."""
        return psi(counts, self.expected if expected is None else expected, self.starts)

    def expected_shares(self) -> NDArray[np.float64]:
        """The share of each bin in the reference, as the PSI takes it."""
        return shares(self.expected, self.starts)

    def stuck(self) -> NDArray[np.float64]:
        """The PSI of each thing watched when all rows fall into one bin: its commonest one, but for
        a bin that holds more than half of the reference. To stay there a while is usual."""
        counts = np.zeros(len(self.labels), np.int64)
        for name in self.names:
            own = self.expected[self.of(name)]
            usual = own > own.sum() / 2
            counts[self.of(name).start + int(np.argmax(np.where(usual, -1, own)))] = 1
        return self.psi(counts)

    def of(self, name: str) -> slice:
        """Where the bins of one thing stand."""
        start = int(self.starts[self.names.index(name)])
        return slice(start, start + len(self._bins[name].labels))

    def _codes(self, values: Values) -> Iterator[tuple[NDArray[np.int64], int]]:
        nothing = np.empty(0, np.int64)
        for name, bins in self._bins.items():
            codes = bins.codes(values[name]) if name in values else nothing
            yield codes, len(bins.labels)


class _Stored(msgspec.Struct):
    """A reference as it is written: the signature says what kind of input each is."""

    rows: int
    inputs: Mapping[str, msgspec.Raw]
    features: Mapping[str, Distribution]
    predictions: Distribution


def _input(column: Input, stored: msgspec.Raw) -> Distribution | Frequencies:
    if column.type == "category":
        return msgspec.json.decode(stored, type=Frequencies)
    return msgspec.json.decode(stored, type=Distribution)


class _Numbers:
    """The bins between the edges, and one for what is missing."""

    def __init__(self, part: Distribution) -> None:
        self.edges = part.edges
        self._edges = np.array(part.edges)
        self.labels = [*(f"{place:02d}" for place in range(len(part.counts))), MISSING]
        self.expected = np.array([*part.counts, part.missing])

    def codes(self, values: NDArray[Any]) -> NDArray[np.int64]:
        codes = np.searchsorted(self._edges, values, "right")
        codes[np.isnan(values)] = len(self.labels) - 1
        return codes


class _Categories:
    """A bin for each frequent category, one for the others and one for the unknown."""

    def __init__(self, part: Frequencies) -> None:
        self.edges: list[float] = []
        order = np.argsort(-np.array(part.counts, np.int64), kind="stable")
        own = order[:MOST_CATEGORIES]
        others = [OTHERS] if len(order) > MOST_CATEGORIES else []
        self.labels = [*(part.categories[code] for code in own), *others, UNKNOWN]
        # By code; UNKNOWN is -1 and so finds the last one.
        self._bins = np.full(len(order) + 1, len(own))
        self._bins[own] = np.arange(len(own))
        self._bins[-1] = len(self.labels) - 1
        self.expected = self.count([*part.counts, part.unknown])

    def count(self, by_code: list[int]) -> NDArray[np.int64]:
        return np.bincount(self._bins, by_code, len(self.labels)).astype(np.int64)

    def codes(self, values: NDArray[Any]) -> NDArray[np.int64]:
        return np.asarray(self._bins[values])


def _bins(part: Distribution | Frequencies) -> "_Numbers | _Categories":
    return _Numbers(part) if isinstance(part, Distribution) else _Categories(part)
