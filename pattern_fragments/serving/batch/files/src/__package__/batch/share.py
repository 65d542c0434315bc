"""How many rows may be bad, and what is said when more are."""

from collections.abc import Collection
from pathlib import Path

from .manifest import PartRecord, total

COMMONEST = 3
"""Reasons that a message names."""


class TooManyBadRows(ValueError):  # noqa: N818 - says what it is
    """More rows were quarantined than the settings allow; nothing was published."""


def allowed(rows: int, share: float) -> int:
    """So many rows may be bad: of a small input one, unless that is all of it or none may be."""
    return max(int(rows * share), 1 if share and rows > 1 else 0)


def check(
    bad: int, most: int, rows: int, records: Collection[PartRecord], where: Path | None
) -> None:
    """Raise TooManyBadRows when `bad` rows of those in the records are more than `most` of all.

    So it is raised as soon as no further row can make it right. `rows` are those of the whole day,
    and `where` is the folder that holds the bad ones.
    """
    if bad <= most:
        return
    seen = sum(record.rows for record in records)
    raise TooManyBadRows(
        f"{bad:,} of the first {seen:,} rows are bad, and {most:,} of all {rows:,} may be:"
        f" {_commonest(records)}" + (f". They stand in {where}" if where else "")
    )


def check_trial(records: Collection[PartRecord]) -> None:
    """Raise TooManyBadRows when a trial has scored no row, and so has tried nothing."""
    if not any(record.scored for record in records):
        seen = sum(record.rows for record in records)
        raise TooManyBadRows(f"all of the first {seen:,} rows are bad: {_commonest(records)}")


def _commonest(records: Collection[PartRecord]) -> str:
    reasons = total([record.reasons for record in records])
    return "; ".join(f"{reason} ({count:,})" for reason, count in list(reasons.items())[:COMMONEST])
