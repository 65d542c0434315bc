"""What the tests of drift share: the bins of a small reference, and logs of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from __package__.drift.bins import Bins
from __package__.signature import Input, Output, Signature
from __package__.training.reference import (
    Distribution,
    Frequencies,
    Reference,
)

START = datetime(2013, 1, 1, tzinfo=UTC)


def signature_of(categories: tuple[str, ...]) -> Signature:
    """A model that takes a color and knows one more number of it."""
    color = Input(name="color", type="category", description="", example="a", categories=categories)
    return Signature(
        name="model",
        version="v1",
        inputs=(color,),
        features=("size",),
        output=Output("probability", "A probability."),
    )


@pytest.fixture
def small() -> Signature:
    return signature_of(("red", "green"))


@pytest.fixture
def bins() -> Bins:
    return Bins(
        Reference(
            rows=10,
            inputs={"color": Frequencies(["red", "green"], [6, 3], 1)},
            features={"size": Distribution(1, [1.0, 2.0], [3, 3, 3])},
            predictions=Distribution(0, [0.5], [5, 5]),
        )
    )


def write_log(
    folder: Path, times: NDArray[np.float64], predictions: NDArray[np.float32], version: str
) -> None:
    """A log of predictions without inputs and features."""
    moments = [START + timedelta(seconds=float(second)) for second in times]
    frame = pl.DataFrame(
        {
            "prediction_id": [f"{version}-{second}" for second in times],
            "time": moments,
            "model_version": [version] * len(times),
            "prediction": predictions,
        },
        schema_overrides={"time": pl.Datetime("us", "UTC"), "prediction": pl.Float32},
    )
    for (day,), rows in frame.group_by(pl.col("time").dt.date()):
        path = folder / f"date={day}"
        path.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(path / f"{version}-00.parquet")
