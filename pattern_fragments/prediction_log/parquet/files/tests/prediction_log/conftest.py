"""A small model's signature, and what is predicted with it; no model is needed for a log."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from __package__.deferred import Batch
from __package__.gauges import Gauge
from __package__.observer import Scored
from __package__.prediction_log.observer import PredictionLog
from __package__.settings import Settings
from __package__.signature import Input, Output, Signature

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC).timestamp()

SIGNATURE = Signature(
    name="model",
    version="v1",
    inputs=(
        Input(name="kind", type="category", description="k", example="a", categories=("a", "b")),
        Input(name="size", type="number", description="s", example=1.0),
        Input(name="age", type="number", description="a", example=1.0, personal=True),
        Input(name="asked", type="timestamp", description="t", example="2013-07-01T00:00Z"),
    ),
    features=("kind", "age", "ratio"),
    output=Output("p", "A probability"),
)


def scored(rows: int = 3, number: int = 0, moment: float = NOON, version: str = "v1") -> Scored:
    """So many predictions at one moment, with ids of their own."""
    return Scored(
        id="call",
        ids=[f"{version}-{number + row}" for row in range(rows)],
        request_id="secret-request",
        time=moment,
        columns={
            "kind": np.arange(rows) % 3 - 1,
            "size": np.arange(rows, dtype=np.float64),
            "age": np.full(rows, 77.0),
            "asked": np.full(rows, int(NOON)),
        },
        features=np.tile(np.array([[0.0, 77.0, 0.5]], np.float32), (rows, 1)),
        predictions=np.linspace(0, 1, rows, dtype=np.float32),
        version=version,
        duration_s=0.0,
    )


def batch(*calls: Scored) -> Batch:
    """What a bulk observer is told."""
    return Batch(calls or (scored(),), {})


MakeLog = Callable[..., PredictionLog]


@pytest.fixture
def gauges() -> list[Gauge]:
    """Those of the logs below."""
    return []


@pytest.fixture
def make_log(tmp_path: Path, gauges: list[Gauge]) -> Iterator[MakeLog]:
    """A log in the folder `log`, unless another place is given, with these settings changed."""
    made: list[PredictionLog] = []

    def make(**changes: object) -> PredictionLog:
        given = {f"prediction_log_{name}": value for name, value in changes.items()}
        given.setdefault("prediction_log_keep_days", 36_500)
        where = given.pop("prediction_log_where", str(tmp_path / "log"))
        settings = Settings().model_copy(update={"prediction_log": where, **given})
        made.append(PredictionLog(SIGNATURE, settings, gauges))
        return made[-1]

    yield make
    for log in made:
        log.close()


def figures(gauges: list[Gauge]) -> dict[str, float]:
    """The gauges' values by name; one that has none yet is missing."""
    return {gauge.name: value for gauge in gauges for value in gauge.values().values()}
