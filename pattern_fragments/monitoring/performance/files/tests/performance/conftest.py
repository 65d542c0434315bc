"""A log and outcomes of two weeks, made up so that figures can be counted by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from __package__.domain.value import SEGMENTS
from __package__.settings import Settings

START = datetime(2013, 7, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = START + 14 * DAY
ROWS_PER_DAY = 100

WriteLog = Callable[..., pl.DataFrame]


def predictions(days: int = 14, version: str = "v1") -> pl.DataFrame:
    """As the log holds them: calibrated ones, of two values of each segment."""
    number = np.arange(days * ROWS_PER_DAY)
    random = np.random.default_rng(0)
    times = [START + DAY * int(n // ROWS_PER_DAY) + HOUR * (int(n) % 24) for n in number]
    inputs = {segment.name: np.where(number % 2, "odd", "even") for segment in SEGMENTS}
    return pl.DataFrame(
        {
            "prediction_id": [f"{version}-{n}" for n in number],
            "time": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
            "model_version": [version] * len(number),
            "prediction": random.uniform(0, 1, len(number)).astype(np.float32),
            "inputs": pl.DataFrame(inputs | {"other": number}).to_struct(),
            "features": pl.DataFrame({"x": number}).to_struct(),
        }
    )


def outcomes_of(rows: pl.DataFrame, delay: timedelta = 2 * HOUR) -> pl.DataFrame:
    """As whoever learns the outcomes writes them."""
    random = np.random.default_rng(1)
    came = random.uniform(0, 1, len(rows)) < rows["prediction"].to_numpy()
    return pl.DataFrame(
        {
            "prediction_id": rows["prediction_id"],
            "label": came.astype(np.float64),
            "labelled_at": rows["time"] + delay,
        }
    )


@pytest.fixture
def write_log(tmp_path: Path) -> WriteLog:
    """Write predictions into the log `log`; they are given back."""

    def write(rows: pl.DataFrame | None = None) -> pl.DataFrame:
        rows = predictions() if rows is None else rows
        dated = rows.with_columns(date=pl.col("time").dt.date())
        for (day,), some in dated.partition_by("date", include_key=False, as_dict=True).items():
            folder = tmp_path / "log" / f"date={day}"
            folder.mkdir(parents=True, exist_ok=True)
            some.write_parquet(folder / f"{some['model_version'][0]}-abc.parquet")
        return rows

    return write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service whose log, outcomes and figures lie in one folder."""
    return Settings(
        prediction_log=str(tmp_path / "log"),
        outcomes=str(tmp_path / "outcomes"),
        performance_summary=str(tmp_path / "summary.parquet"),
    )


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings for a command."""
    for name, value in settings.model_dump(exclude_unset=True).items():
        monkeypatch.setenv(f"SERVICE_{name.upper()}", str(value))
