"""Entity features as of a cut: what was known then, and nothing later."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..feature_definition import EntityFeature

Events = Mapping[str, pl.DataFrame]
"""The domain's event tables by name."""

TIME_BITS = 40
"""An entity's code and a time share one int64: 40 bits hold 34,000 years of seconds."""


def history_of(
    features: Sequence[EntityFeature],
    events: Events,
    entities: Sequence[str],
    codes: NDArray[np.int64],
    cuts: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The features of one kind of entity, float32[n, len(features)].

    Row i is about entities[codes[i]] as of cuts[i], in seconds since 1970 UTC.
    """
    matrix = np.empty((len(codes), len(features)), np.float32)
    histories: dict[tuple[str, str], _History] = {}
    for position, feature in enumerate(features):
        source = (feature.events, feature.value)
        if source not in histories:
            histories[source] = _History(events[feature.events], feature, entities)
        matrix[:, position] = histories[source].as_of(feature, codes, cuts)
    return matrix


class _History:
    """The values of one kind of entity, sorted by entity and then by when they became available."""

    def __init__(
        self, events: pl.DataFrame, feature: EntityFeature, entities: Sequence[str]
    ) -> None:
        codes = {entity: code for code, entity in enumerate(entities)}
        known = (
            events.select(
                code=pl.col(feature.entity).replace_strict(
                    codes, default=None, return_dtype=pl.Int64
                ),
                available_at=pl.col("available_at").dt.epoch("s"),
                value=pl.col(feature.value).cast(pl.Float64),
            )
            .drop_nulls()
            .filter(pl.col("value").is_finite())
            .sort("code", "available_at", maintain_order=True)
        )
        self._keys = _keys(known["code"].to_numpy(), known["available_at"].to_numpy())
        self._values = known["value"].to_numpy()
        # Each entity has its own sums: the size of one's values cannot cost another precision.
        self._sums = known.select(pl.col("value").cum_sum().over("code")).to_series().to_numpy()

    def as_of(
        self, feature: EntityFeature, codes: NDArray[np.int64], cuts: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The feature of n rows, float64[n]."""
        first = np.searchsorted(self._keys, _keys(codes, cuts - feature.window), "right")
        stop = np.searchsorted(self._keys, _keys(codes, cuts), "right")
        count = stop - first
        if feature.statistic == "count":
            return count.astype(np.float64)
        some = count > 0
        first, newest = first[some], stop[some] - 1
        values: NDArray[np.float64] = np.full(len(count), np.nan)
        if feature.statistic == "last":
            values[some] = self._values[newest]
        else:
            total = self._sums[newest] - self._sums[first] + self._values[first]
            values[some] = total / count[some]
        return values


def _keys(codes: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    return (codes << TIME_BITS) + times
