"""What the digests in an entry are of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import Columns


def inputs(columns: Columns) -> bytes:
    """Encoded columns of n rows as bytes that no other columns have.

    For each input, in the order of names: the name, its type (`<f8` or `<i8`), n, and the values,
    with a zero byte after each of the first three.
    """
    return b"".join(
        part
        for name in sorted(columns)
        for part in _parts(name, columns[name], "<f8" if columns[name].dtype.kind == "f" else "<i8")
    )


def predictions(values: NDArray[np.float32]) -> bytes:
    """Predictions of n rows as bytes: float32, the least significant byte first."""
    return values.astype("<f4", copy=False).tobytes()


def _parts(name: str, values: NDArray[Any], kind: str) -> tuple[bytes, bytes]:
    head = f"{name}\0{kind}\0{len(values)}\0".encode()
    return head, values.astype(kind, copy=False).tobytes()
