"""The terms in which the team says what an experiment is judged by."""

from typing import Annotated, NamedTuple

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Metric(NamedTuple):
    """A mean over predictions, compared between units."""

    name: str
    unit: str
    lower_is_better: bool


class Margins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how much each guardrail may become worse, surely, in a challenger that is shipped."""

    failures: Positive
    """Of the share of requests at which the model fails, or answers too late."""
    slow: Positive
    """Of the share of answers that take more than `guardrails.SLOW_S`."""
    brier: Positive
    """Of the mean squared error of the probability: calibration and ranking are in it."""
