"""Logs of a few predictions, as the service writes them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from __package__.prediction_log.rows import Rows
from __package__.prediction_log.store import Store
from __package__.settings import Settings
from __package__.signature import Input, Output, Signature

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
FOREVER = 36_500

SIGNATURE = Signature(
    name="model",
    version="v1",
    inputs=(Input(name="size", type="number", description="s", example=1.0),),
    features=("ratio",),
    output=Output("p", "A probability"),
)

WriteLog = Callable[..., None]


def rows(ids: Sequence[str], moment: datetime) -> pl.DataFrame:
    """What the log holds of predictions with these ids at one moment."""
    many = len(ids)
    return Rows(SIGNATURE).of(
        ids,
        np.full(many, moment.timestamp()),
        ["v1"] * many,
        np.full(many, 0.5, np.float32),
        {"size": np.arange(many, dtype=np.float64)},
        np.ones((many, 1), np.float32),
    )


def ids_of(where: Path | str) -> list[str]:
    """The ids in a log, sorted."""
    found = pl.read_parquet(
        [str(path) for path in Path(where).glob("date=*/*.parquet")], hive_partitioning=False
    )
    return sorted(found["prediction_id"].to_list())


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of this process; what others name by default lies in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICE_PREDICTION_LOG", "log")
    return Settings()


@pytest.fixture
def write(settings: Settings) -> WriteLog:
    """Write predictions into the log, so many days ago."""

    def write(*ids: str, days_ago: int = 0) -> None:
        store = Store(settings.prediction_log, FOREVER, 10**9)
        store.write(rows(ids, TODAY - timedelta(days=days_ago)))

    return write
