"""What speaks against a new version, if anything does."""

import math
from dataclasses import dataclass

import numpy as np

from ..settings import Settings
from .agreement import distance, rank_correlation
from .asking import Asked, all_versions

MOST_REFUSED = 0.01
"""Rows of the test period that a version may refuse: the others are compared."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and why the new version is refused; empty when it is not."""

    findings: tuple[str, ...]
    why_not: str

    @property
    def passed(self) -> bool:
        """Whether the new version may take over."""
        return not self.why_not


def judge(active: Asked, preview: Asked, rows: int, version: str, settings: Settings) -> Verdict:
    """Compare what two versions answered to the same rows, at least one; `version` is the new one.

    Each finding is a sentence; the first that is against the new version is the reason.
    """
    old, new = all_versions((active, preview))
    findings = [f"asked version {old}, which is active, and {new} about {rows} rows"]
    for name, asked in ((f"active version {old}", active), (f"new version {new}", preview)):
        if len(asked.refused) > MOST_REFUSED * rows:
            why = f"the {name} refused {len(asked.refused)} of {rows} rows"
            return Verdict((*findings, why), why)
        if len(asked.predictions) + len(asked.refused) < rows:
            missing = f"{rows - len(asked.predictions) - len(asked.refused)} of {rows} rows"
            why = f"the {name} did not answer {missing} ({asked.problem})"
            return Verdict((*findings, why), why)
        if not all(math.isfinite(value) for value in asked.predictions.values()):
            why = f"the {name} answered with what is no number"
            return Verdict((*findings, why), why)
    if preview.versions != {version} or len(active.versions) != 1:
        why = f"version {version} was to be asked beside one other, not {new} beside {old}"
        return Verdict((*findings, why), why)
    checks = (_speed(preview, settings), *_agreement(active, preview, settings))
    findings += [finding for finding, _ in checks]
    against = [f"of version {new}, {finding}" for finding, is_met in checks if not is_met]
    return Verdict(tuple(findings), against[0] if against else "")


def _speed(preview: Asked, settings: Settings) -> tuple[str, bool]:
    """By the objective: the active version is busy, and so no measure for one that is not."""
    taken_ms = 1000 * float(np.quantile(preview.latencies_s, 0.95))
    allowed = settings.verify_max_ms
    finding = f"19 of 20 answers come within {taken_ms:.1f} ms (at most {allowed:g} ms)"
    return finding, taken_ms <= allowed


def _agreement(active: Asked, preview: Asked, settings: Settings) -> list[tuple[str, bool]]:
    both = sorted(active.predictions.keys() & preview.predictions.keys())
    old, new = (np.array([asked.predictions[row] for row in both]) for asked in (active, preview))
    apart, alike = distance(old, new), rank_correlation(old, new)
    return [
        (
            f"the predictions lie {apart:.2f} from those before by the Kolmogorov-Smirnov distance"
            f" (at most {settings.verify_max_distance:g})",
            apart <= settings.verify_max_distance,
        ),
        (
            f"the order of the rows agrees with that before to {alike:.2f} by Spearman's"
            f" coefficient (at least {settings.verify_min_agreement:g})",
            alike >= settings.verify_min_agreement,
        ),
    ]
