"""How far two models agree on the same rows. No outcome is needed for it."""

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

ENOUGH_ROWS = 100
"""Of fewer rows of a segment nothing is said."""

MOST_SEGMENTS = 12

UNKNOWN = "(unknown)"
"""The value of categories that training does not know."""


class AtThreshold(msgspec.Struct, frozen=True):
    """What the two would have done, as shares of the rows."""

    threshold: float
    champion_only: float
    """The champion lies at the threshold or above, the candidate below."""
    candidate_only: float
    both: float

    @property
    def disagree(self) -> float:
        """The share in which somebody would have acted otherwise."""
        return self.champion_only + self.candidate_only


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How n predictions of the candidate lie beside the champion's; differences are
    candidate minus champion."""

    rows: int
    tolerance: float
    differing_share: float
    """The share of rows whose predictions lie further apart than the tolerance."""
    mean_champion: float
    mean_candidate: float
    mean_difference: float
    mean_absolute_difference: float
    quantiles: dict[str, float]
    """Of the difference, by their order."""
    ks_distance: float
    """The largest distance between the two distribution functions, 0 to 1 (Kolmogorov, Smirnov)."""
    correlation: float | None
    """Pearson's; None where one of both always says the same."""
    rank_correlation: float | None
    """Spearman's; None as above."""
    at_threshold: AtThreshold


class SegmentAgreement(msgspec.Struct, frozen=True):
    """The rows that have one value of one input."""

    input: str
    value: str
    rows: int
    differing_share: float
    mean_difference: float


def agreement(champion: Floats, candidate: Floats, tolerance: float, threshold: float) -> Agreement:
    """Compare float64[n] with float64[n]; n is not 0."""
    difference = candidate - champion
    return Agreement(
        rows=len(difference),
        tolerance=tolerance,
        differing_share=float(np.mean(np.abs(difference) > tolerance)),
        mean_champion=float(champion.mean()),
        mean_candidate=float(candidate.mean()),
        mean_difference=float(difference.mean()),
        mean_absolute_difference=float(np.abs(difference).mean()),
        quantiles={
            f"{order:g}": float(value)
            for order, value in zip(QUANTILES, np.quantile(difference, QUANTILES), strict=True)
        },
        ks_distance=ks_distance(champion, candidate),
        correlation=correlation(champion, candidate),
        rank_correlation=correlation(_ranks(champion), _ranks(candidate)),
        at_threshold=at_threshold(champion, candidate, threshold),
    )


def ks_distance(one: Floats, other: Floats) -> float:
    """The largest distance between the empirical distribution functions of two samples."""
    points = np.concatenate([one, other])
    below = (
        np.searchsorted(np.sort(sample), points, side="right") / len(sample)
        for sample in (one, other)
    )
    return float(np.max(np.abs(next(below) - next(below))))


def correlation(one: Floats, other: Floats) -> float | None:
    """Pearson's correlation; None where one of both is constant."""
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else None


def at_threshold(champion: Floats, candidate: Floats, threshold: float) -> AtThreshold:
    """Who would have acted."""
    first, second = champion >= threshold, candidate >= threshold
    return AtThreshold(
        threshold,
        champion_only=float(np.mean(first & ~second)),
        candidate_only=float(np.mean(second & ~first)),
        both=float(np.mean(first & second)),
    )


def by_segment(
    rows: pl.DataFrame, names: Sequence[str], tolerance: float
) -> list[SegmentAgreement]:
    """Where they differ most: the values of these inputs that have enough rows, the worst first.

    Raises ValueError when the log holds no such input.
    """
    inputs = rows["inputs"]
    known = inputs.struct.fields if inputs.dtype == pl.Struct else []
    if missing := [name for name in names if name not in known]:
        raise ValueError(
            f"SEGMENTS in domain/value.py names {missing[0]}, which the log does not hold:"
            " personal inputs never are in it"
        )
    difference = pl.col("candidate") - pl.col("champion")
    found: list[SegmentAgreement] = []
    for name in names:
        values = inputs.struct.field(name).cast(pl.String).fill_null(UNKNOWN)
        groups = (
            rows.select("champion", "candidate", value=values)
            .group_by("value")
            .agg(
                pl.len().alias("rows"),
                (difference.abs() > tolerance).mean().alias("differing"),
                difference.mean().alias("mean"),
            )
            .filter(pl.col("rows") >= ENOUGH_ROWS)
        )
        found += [SegmentAgreement(name, *row) for row in groups.iter_rows()]
    ordered = sorted(found, key=lambda one: (-one.differing_share, one.input, one.value))
    return ordered[:MOST_SEGMENTS]


def _ranks(values: Floats) -> Floats:
    """Ranks; ties share their mean."""
    return pl.Series(values).rank("average").to_numpy().astype(np.float64)
