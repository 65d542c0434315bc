"""Whether a candidate is fit to be promoted, and if not, why."""

from collections.abc import Iterator, Sequence

import msgspec

from ..settings import Settings
from .agreement import Agreement
from .loss import Outcomes
from .pairs import Pairs


class Check(msgspec.Struct, frozen=True):
    """One condition."""

    name: str
    value: float | None
    """None where it could not be computed; that never passes."""
    limit: float
    passed: bool
    says: str
    """A sentence."""


class Verdict(msgspec.Struct, frozen=True):
    """Fit when every check has passed."""

    fit: bool
    checks: Sequence[Check]

    @property
    def why(self) -> str:
        """The checks that failed, or what the candidate has shown."""
        failed = [check.says for check in self.checks if not check.passed]
        return "; ".join(failed or [check.says for check in self.checks])


def judge(
    settings: Settings,
    period: Check,
    found: Agreement,
    days: int,
    pairs: Pairs,
    known: Outcomes | None,
) -> Verdict:
    """Judge a candidate by what it did on so many days.

    Outcomes decide where enough of them are known; until then it has to agree with the champion as
    far as the settings ask. One that is far better also disagrees: wait for outcomes, or look.
    """
    checks = [period, *_enough(settings, found, days, pairs)]
    checks += _agrees(settings, found) if known is None else _no_worse(settings, known)
    return Verdict(all(check.passed for check in checks), checks)


def _enough(settings: Settings, found: Agreement, days: int, pairs: Pairs) -> Iterator[Check]:
    late = f", {pairs.late:,} with which the champion came late apart" if pairs.late else ""
    yield _at_least("days", days, settings.shadow_min_days, "{:,.0f} days were compared")
    yield _at_least("rows", found.rows, settings.shadow_min_rows, "{:,.0f} rows were compared")
    yield _at_least(
        "coverage",
        pairs.coverage,
        settings.shadow_min_coverage,
        "the candidate has predicted {:.1%} of what it was to" + late,
    )


def _agrees(settings: Settings, found: Agreement) -> Iterator[Check]:
    yield _at_most(
        "differing_share",
        found.differing_share,
        settings.shadow_max_differing_share,
        "{:.1%} of the predictions differ by more than " + f"{found.tolerance:g}",
    )
    yield _at_least(
        "rank_correlation",
        found.rank_correlation,
        settings.shadow_min_rank_correlation,
        "the rank correlation is {:.2f}",
    )
    yield _at_most(
        "ks_distance",
        found.ks_distance,
        settings.shadow_max_ks_distance,
        "the distributions lie {:.2f} apart (KS)",
    )


def _no_worse(settings: Settings, known: Outcomes) -> Iterator[Check]:
    error = known.squared_error
    yield _at_most(
        "loss_increase",
        error.high / error.champion if error.champion else None,
        settings.shadow_max_loss_increase,
        f"by {known.rows:,} outcomes of {known.days} days the candidate's squared error is"
        f" {error.candidate:.4f} and the champion's {error.champion:.4f}, so higher by at most "
        + "{:+.1%}",
    )


def _at_least(name: str, value: float | None, limit: float, says: str) -> Check:
    return _check(name, value, limit, value is not None and value >= limit, says, "at least")


def _at_most(name: str, value: float | None, limit: float, says: str) -> Check:
    return _check(name, value, limit, value is not None and value <= limit, says, "at most")


def _check(
    name: str, value: float | None, limit: float, passed: bool, says: str, bound: str
) -> Check:
    if value is None:
        return Check(name, value, limit, passed, f"{name} cannot be computed: one never changes")
    return Check(name, value, limit, passed, f"{says.format(value)} ({bound} {limit:,g})")
