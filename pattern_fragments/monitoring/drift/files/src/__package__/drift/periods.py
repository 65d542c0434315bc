"""What a stretch of the prediction log holds, beside what the model was trained on."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import UNKNOWN
from ..model_folder import ModelFolder
from ..signature import Input, Signature
from .bins import PREDICTION, Bins, Values
from .effect_size import wasserstein
from .limits import FILE_NAME, DriftLimits

Step = Literal["day", "week", "month"]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one thing lies from the reference, and from what on that is drift.

    `psi` is None where the log has no values of it, `wasserstein` for a category too. `psi_limit`
    is None where training's own windows of this length differ too much for one.
    """

    psi: float | None
    psi_limit: float | None
    wasserstein: float | None
    wasserstein_limit: float | None
    shares: list[float]
    """Of the bins, as in the reference."""

    @property
    def share_of_limit(self) -> float | None:
        """The PSI by its limit, above 1 for drift; None where one of both is not known."""
        return None if self.psi is None or self.psi_limit is None else self.psi / self.psi_limit


class PeriodDrift(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of [start, end), and how far they lie from the reference, by what is watched.

    With fewer rows than say something, `drift` is empty.
    """

    start: datetime
    end: datetime
    rows: int
    other_versions: int
    mean_prediction: float | None
    drift: dict[str, Drift]

    @property
    def alerts(self) -> list[str]:
        """What is above its limit, the furthest above it first."""
        over = {
            name: share
            for name, drift in self.drift.items()
            if (share := drift.share_of_limit) is not None and share > 1
        }
        return sorted(over, key=lambda name: -over[name])


def periods(start: datetime, end: datetime, by: Step) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) in days, weeks from `start` on, or months of the calendar, in UTC."""
    while start < end:
        following = _following(start, by)
        yield start, min(following, end)
        start = following


def _following(start: datetime, by: Step) -> datetime:
    if by == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if by == "week" else 1)


class Comparison:
    """Compares rows of the prediction log with the reference of a model."""

    def __init__(self, folder: ModelFolder) -> None:
        self.signature: Signature = folder.read_signature()
        self.bins = Bins.read(folder.reference, self.signature)
        self.limits = DriftLimits.read(folder.path / FILE_NAME)

    def of(self, logged: pl.LazyFrame, start: datetime, end: datetime) -> PeriodDrift:
        """Compare what was logged in [start, end)."""
        rows = logged.collect()
        own = rows.filter(pl.col("model_version") == self.signature.version)
        enough = len(own) >= self.limits.min_rows
        predictions = own["prediction"].to_numpy()
        return PeriodDrift(
            start=start,
            end=end,
            rows=len(own),
            other_versions=len(rows) - len(own),
            mean_prediction=float(predictions.mean()) if len(own) else None,
            drift=self._drift(own, (end - start) / timedelta(days=1)) if enough else {},
        )

    @staticmethod
    def nothing(start: datetime, end: datetime) -> PeriodDrift:
        """What is known of a period without a row."""
        return PeriodDrift(
            start=start, end=end, rows=0, other_versions=0, mean_prediction=None, drift={}
        )

    def _drift(self, rows: pl.DataFrame, days: float) -> dict[str, Drift]:
        values = values_of(rows, self.signature)
        counts = self.bins.count(values)
        psis = self.bins.psi(counts)
        return {
            name: self._one(name, values, counts, float(psis[place]), days)
            for place, name in enumerate(self.bins.names)
        }

    def _one(
        self, name: str, values: Values, counts: NDArray[np.int64], psi: float, days: float
    ) -> Drift:
        watched = self.limits.watched[name]
        limits = watched.limits(days)
        own = counts[self.bins.of(name)]
        distance = (
            wasserstein(values[name], np.array(watched.quantiles), watched.spread)
            if watched.quantiles and name in values
            else math.nan
        )
        return Drift(
            psi=None if math.isnan(psi) else psi,
            psi_limit=limits.psi,
            wasserstein=None if math.isnan(distance) else distance,
            wasserstein_limit=limits.wasserstein,
            shares=(own / max(1, own.sum())).tolist(),
        )


def values_of(rows: pl.DataFrame, signature: Signature) -> dict[str, NDArray[Any]]:
    """What is watched, from rows of the log; what the log does not hold is left out."""
    features, inputs = (_fields(rows[name]) for name in ("features", "inputs"))
    return {
        **{
            name: features[name].cast(pl.Float32).fill_null(math.nan).to_numpy()
            for name in signature.features
            if name in features.columns
        },
        **{
            column.name: _values(column, inputs[column.name])
            for column in signature.inputs
            if column.type != "timestamp" and column.name in inputs.columns
        },
        PREDICTION: rows["prediction"].to_numpy(),
    }


def _fields(values: pl.Series) -> pl.DataFrame:
    """The fields of a struct; none where the log has no such struct at all."""
    return values.struct.unnest() if isinstance(values.dtype, pl.Struct) else pl.DataFrame()


def _values(column: Input, values: pl.Series) -> NDArray[Any]:
    if column.type == "number":
        return values.cast(pl.Float64).fill_null(math.nan).to_numpy()
    codes = {category: code for code, category in enumerate(column.categories)}
    return values.replace_strict(codes, default=UNKNOWN, return_dtype=pl.Int64).to_numpy()
