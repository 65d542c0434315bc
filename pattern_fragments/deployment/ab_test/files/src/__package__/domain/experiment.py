"""What an experiment is judged by, and who is a unit of it.

It must provide

- METRIC: what is compared, in which unit, and which way is better;
- MARGINS: by how much each guardrail may become worse;
- value(predictions, labels): what each prediction came to;
- unit_of(rows): whom each row is about, in the words of callers (the header x-experiment-unit).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..experiment.metric import Margins, Metric
from ..terms import costs
from .value import DECISION

METRIC = Metric("cost", f"{DECISION.unit} per prediction", lower_is_better=True)

MARGINS = Margins(failures=0.005, slow=0.01, brier=0.0125)
"""Narrow ones take units: to be sure of each is what a plan is sized for, too."""


def value(predictions: NDArray[np.float32], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What acting on each of n predictions cost, now that its outcome is known."""
    return costs(labels, predictions >= DECISION.threshold, DECISION)


def unit_of(rows: pl.DataFrame) -> pl.Series:
    """The daily flight of each row of inputs: the same airline, way and clock time.

    Those who look after it see the predictions of one model only, day by day; but a retimed flight
    is another unit (carry-over), and what is done for one flight is felt by the next of its
    aircraft (interference). Both make the arms more alike.
    """
    clock = pl.col("scheduled_departure").dt.convert_time_zone("America/New_York")
    return rows.select(
        pl.format("{} {}-{} {}", "carrier", "origin", "dest", clock.dt.strftime("%H:%M"))
    ).to_series()
