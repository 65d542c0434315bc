"""Two logs of the same questions, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from __package__.domain.value import SEGMENTS
from __package__.prediction_log.store import Store
from __package__.settings import Settings

START = datetime(2013, 7, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=1)


class Logs:
    """Writes predictions of a champion and of a candidate, one a second unless told otherwise."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def with_settings(self, **changes: Any) -> "Logs":
        return Logs(self.settings.model_copy(update=changes))

    def champion(self, predictions: NDArray[np.float64], **more: Any) -> None:
        write(self.settings.prediction_log, "champion", predictions, **more)

    def candidate(self, predictions: NDArray[np.float64], **more: Any) -> None:
        write(self.settings.shadow_log, more.pop("version", "candidate"), predictions, **more)

    def outcomes(self, labels: NDArray[np.float64], told: datetime = UNTIL) -> None:
        ids = [f"id-{row}" for row in range(len(labels))]
        place = Path(self.settings.outcomes)
        place.mkdir(parents=True, exist_ok=True)
        rows = pl.DataFrame({"prediction_id": ids, "label": labels}).with_columns(
            labelled_at=pl.lit(told)
        )
        rows.write_parquet(place / "outcomes.parquet")


def write(
    where: str,
    version: str,
    predictions: NDArray[np.float64],
    first: int = 0,
    segments: Sequence[str | None] = ("A", "B"),
    late: timedelta = timedelta(0),
    every: timedelta = timedelta(seconds=1),
) -> None:
    numbers = range(first, first + len(predictions))
    values = [segments[number % len(segments)] for number in numbers]
    rows = pl.DataFrame(
        {
            "prediction_id": [f"id-{number}" for number in numbers],
            "time": [START + number * every + late for number in numbers],
            "model_version": version,
            "prediction": predictions.astype(np.float32),
        }
    ).with_columns(
        pl.DataFrame({one.name: values for one in SEGMENTS}).to_struct("inputs"),
        pl.col("time").cast(pl.Datetime("us", "UTC")),
    )
    Store(where, keep_days=36500, most_bytes=10**9).write(rows)


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(
        Settings(
            prediction_log=str(tmp_path / "champion"),
            shadow_log=str(tmp_path / "candidate"),
            outcomes=str(tmp_path / "outcomes"),
            shadow_min_days=1,
            shadow_min_rows=100,
            shadow_min_outcomes=100,
        )
    )


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
