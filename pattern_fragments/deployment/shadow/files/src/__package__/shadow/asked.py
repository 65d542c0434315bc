"""What callers have asked, kept for the candidate: rows with the champion's ids and answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..deferred import Batch


@dataclass(frozen=True, slots=True)
class Asked:
    """n rows."""

    ids: Sequence[str]
    times: NDArray[np.float64]
    columns: Columns
    champion: NDArray[np.float32]
    """Its predictions, float32[n]."""

    @classmethod
    def of(cls, batch: Batch) -> "Asked":
        """All rows of a batch."""
        return cls(batch.ids, batch.times, batch.columns, batch.predictions)

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, wanted: NDArray[np.bool_]) -> "Asked":
        """The rows that are wanted."""
        return self if wanted.all() else self._at(np.flatnonzero(wanted))

    def first(self, most: int) -> "Asked":
        """Up to so many."""
        return self if len(self) <= most else self._at(slice(most))

    def parts(self, rows: int) -> Iterator["Asked"]:
        """The same in parts of so many rows; the last may be smaller."""
        for start in range(0, len(self), rows):
            yield self._at(slice(start, start + rows))

    def _at(self, rows: Any) -> "Asked":
        ids = self.ids[rows] if isinstance(rows, slice) else [self.ids[row] for row in rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Asked(ids, self.times[rows], columns, self.champion[rows])
