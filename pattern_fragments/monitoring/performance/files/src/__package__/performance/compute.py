"""From the log and the outcomes to the figures of each window."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ..logged import scan
from ..outcomes import known
from ..terms import Decision, Segment
from ..training.evaluate import CALIBRATION_BINS, calibration_bins
from .accuracy import DAY, Measured, accuracy
from .segments import RATES, gap, rates
from .summary import Line
from .windows import Window

COMPUTED = "computed_timestamp_seconds"
BINS = "prediction"
"""The segment that parts rows by their prediction: the calibration curve."""

UNKNOWN = "(unknown)"
"""The group of categories that training does not know."""


class Performance:
    """Computes the figures of windows, with what is known at `as_of`.

    Only predictions that are old enough for their outcome to be expected count in figures of
    quality: the outcomes that come first are not like the others.
    """

    def __init__(
        self,
        log: str,
        outcomes: pl.LazyFrame,
        decision: Decision,
        segments: Sequence[Segment],
        delay: timedelta,
        as_of: datetime,
    ) -> None:
        self._log = log
        self._outcomes = outcomes
        self._decision = decision
        self._segments = segments
        self._delay = delay
        self._as_of = as_of

    def lines(
        self, windows: Sequence[Window], progress: Callable[[Window, int], None]
    ) -> list[Line]:
        """The figures of all windows with predictions; `progress` is told of each."""
        found: list[Line] = []
        for window in windows:
            rows = self._rows(window)
            found.extend(self._of_window(window, rows))
            progress(window, len(rows))
        now = self._as_of
        computed = Line("", now, now, "", "", "", COMPUTED, now.timestamp(), None, None, 0)
        return [*found, computed]

    def _rows(self, window: Window) -> pl.DataFrame:
        """The predictions of a window with their outcomes: null where none is known at `as_of`."""
        try:
            logged = scan(self._log, window.start, window.end)
        except FileNotFoundError:
            return pl.DataFrame()
        groups = [
            pl.col("inputs").struct.field(each.name).cast(pl.String).fill_null(UNKNOWN)
            for each in self._segments
        ]
        outcomes = known(self._outcomes, window.start, self._as_of)
        try:
            return (
                logged.select("prediction_id", "time", "model_version", "prediction", *groups)
                .join(outcomes, on="prediction_id", how="left")
                .collect()
            )
        except pl.exceptions.StructFieldNotFoundError as error:
            raise ValueError(
                f"SEGMENTS in domain/value.py names an input that the log does not hold: {error}."
                " Personal ones never are in it"
            ) from error

    def _of_window(self, window: Window, rows: pl.DataFrame) -> Iterator[Line]:
        if not len(rows):
            return
        is_due = pl.col("time") <= self._as_of - self._delay
        for (version,), some in sorted(rows.partition_by("model_version", as_dict=True).items()):
            due = some.filter(is_due)
            labelled = due.drop_nulls("label")

            def line(
                figure: str,
                measured: Measured,
                count: int,
                segment: str = "",
                group: str = "",
                version: str = version,
            ) -> Line:
                return Line(*window, version, segment, group, figure, *measured, count)

            yield line("predictions", Measured(len(some)), len(some))
            if not len(due):
                continue
            yield line("label_coverage", Measured(len(labelled) / len(due)), len(due))
            if not len(labelled):
                continue
            delays = (labelled["labelled_at"] - labelled["time"]).dt.total_seconds()
            for name, share in (("label_delay_median_s", 0.5), ("label_delay_p90_s", 0.9)):
                yield line(name, Measured(float(np.quantile(delays, share))), len(labelled))
            for name, measured in self._accuracy(labelled).items():
                yield line(name, measured, len(labelled))
            for segment, group, name, measured, count in self._parts(labelled):
                yield line(name, measured, count, segment, group)

    def _accuracy(self, rows: pl.DataFrame) -> dict[str, Measured]:
        return accuracy(
            rows["label"].to_numpy(),
            rows["prediction"].to_numpy(),
            rows["time"].dt.epoch("s").to_numpy(),
            self._decision,
        )

    def _parts(self, rows: pl.DataFrame) -> Iterator[tuple[str, str, str, Measured, int]]:
        labels, predictions = rows["label"].to_numpy(), rows["prediction"].to_numpy()
        days = rows["time"].dt.epoch("s").to_numpy() // DAY
        for segment in self._segments:
            groups = rows[segment.name].to_numpy().astype(np.str_)
            found = list(rates(groups, labels, predictions, days, self._decision.threshold))
            for rate in found:
                yield segment.name, rate.group, rate.name, Measured(rate.value), rate.rows
            for name in RATES:
                measured = gap([rate for rate in found if rate.name == name])
                if measured is not None:
                    yield segment.name, "", f"{name}_gap", measured, len(rows)
        bins = calibration_bins(predictions)
        for number in range(CALIBRATION_BINS):
            some = bins == number
            if some.any():
                count = int(some.sum())
                for name, values in (("mean_prediction", predictions), ("observed_rate", labels)):
                    value = Measured(float(values[some].mean()))
                    yield BINS, f"{number:02}", name, value, count
