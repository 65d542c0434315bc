"""Up to where drift is what the training period itself shows: drift.json of the model folder."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

LEAST_PSI = 0.2
"""No limit lies below: less is a small change by convention (Siddiqi 2006 says 0.1 to 0.25)."""

LEAST_WASSERSTEIN = 0.1
"""The same, in standard deviations of the reference."""

MIN_ROWS = 500
"""Fewer say nothing: without any drift the PSI of n rows in b bins is about (b - 1) / n (Yurdakul
2018), so 0.04 with the 21 bins of a number, a fifth of the lowest limit."""


MARGIN = 1.25
"""A limit lies so far above the most that training saw: the highest of some weeks is not the
highest that a week can be. But it lies at most half way to the PSI of a value that is stuck."""


class Limits(msgspec.Struct, frozen=True):
    """The most that is no drift.

    `psi` is None where training's own windows of this length already differ as much as a value that
    is stuck; `wasserstein` is None for a category.
    """

    psi: float | None
    wasserstein: float | None


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of an input, a feature or the predictions.

    `windows` has them by the days that are compared with the reference; `week_before` is the limit
    of the PSI of a day to the same day a week before; `above_history` of how far the PSI of a day
    to the reference lies above its mean of the two weeks before. These two are None when training
    had no such days or they differ as much as a value that is stuck.
    Categories have no `quantiles`.
    """

    windows: Mapping[int, Limits]
    week_before: float | None
    above_history: float | None
    quantiles: list[float]
    spread: float

    def limits(self, days: float) -> Limits:
        """Those for a window of so many days: of the longest that is not longer.

        The shorter a window, the more it differs by chance, so they are rather too high.
        """
        return self.windows[max((own for own in self.windows if own <= days), default=1)]


class DriftLimits(msgspec.Struct, frozen=True):
    """What drift.json holds."""

    min_rows: int
    watched: Mapping[str, Watched]

    @classmethod
    def read(cls, path: Path) -> "DriftLimits":
        """Read a drift.json; raises FileNotFoundError and ValueError."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: train again, which writes it")
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} holds no limits of drift: {error}") from error


FILE_NAME = "drift.json"
