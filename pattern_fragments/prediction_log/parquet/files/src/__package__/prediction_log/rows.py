"""What of a prediction is written down: no caller, no request, nothing about a person."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns
from ..frames import frame
from ..signature import Signature

SIZE = 8
"""Bytes of the hash that decides whether a prediction is in the sample."""


class Rows:
    """The rows of the log for one model.

    Inputs that its signature marks as personal are left out, and features of the same name.
    """

    def __init__(self, signature: Signature) -> None:
        personal = {column.name for column in signature.inputs if column.personal}
        self._inputs = [column for column in signature.inputs if not column.personal]
        self._features = [
            (position, name)
            for position, name in enumerate(signature.features)
            if name not in personal
        ]

    def of(
        self,
        ids: Sequence[str],
        times: NDArray[np.float64],
        versions: Sequence[str],
        predictions: NDArray[np.float32],
        columns: Columns,
        features: NDArray[np.float32],
    ) -> pl.DataFrame:
        """n rows with the columns that `logged.scan` reads; `times` in seconds since 1970 UTC.

        `inputs` and `features` are structs, and missing when a model has none to show.
        """
        moments = pl.Series("time", np.rint(times * 1e6).astype(np.int64))
        rows = pl.DataFrame(
            [
                pl.Series("prediction_id", ids, dtype=pl.String),
                moments.cast(pl.Datetime("us", "UTC")),
                pl.Series("model_version", versions, dtype=pl.String),
                pl.Series("prediction", predictions, dtype=pl.Float32),
            ]
        )
        structs = []
        if self._inputs:
            structs.append(frame(self._inputs, columns).to_struct("inputs"))
        if self._features:
            values = {name: features[:, position].copy() for position, name in self._features}
            structs.append(pl.DataFrame(values).to_struct("features"))
        return rows.with_columns(structs)


def is_sampled(identity: str, share: float) -> bool:
    """Whether a prediction is in a sample of this share.

    Its id alone decides: it is in every sample of that share or a larger one, wherever it is taken.
    """
    number = int.from_bytes(blake2b(identity.encode(), digest_size=SIZE).digest())
    return bool(number < share * 256**SIZE)
