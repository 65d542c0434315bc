"""The frame that the schema describes: what was asked, when, and what was known of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns
from ..frames import frame
from ..signature import Signature

ASKED_AT = "asked_at"


def rows_of(
    signature: Signature,
    columns: Columns,
    features: NDArray[np.float32],
    times: NDArray[Any],
) -> pl.DataFrame:
    """n rows: the inputs as values, `asked_at`, and the features that are no input.

    A category that the model does not know is null, and so is a missing feature. `times` are in
    seconds since 1970 UTC.
    """
    moments = pl.Series(ASKED_AT, np.rint(times * 1e6).astype(np.int64))
    return frame(signature.inputs, columns).with_columns(
        moments.cast(pl.Datetime("us", "UTC")),
        *(
            pl.Series(name, features[:, place].copy(), nan_to_null=True)
            for name, place in places_of(signature).items()
        ),
    )


def places_of(signature: Signature) -> Mapping[str, int]:
    """Where in the matrix the features stand that are no input."""
    inputs = {column.name for column in signature.inputs}
    return {name: place for place, name in enumerate(signature.features) if name not in inputs}
