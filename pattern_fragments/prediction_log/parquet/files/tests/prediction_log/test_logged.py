"""Reading the log: each prediction once, whatever models and files there are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from __package__.deferred import Batch
from __package__.logged import COLUMNS, scan
from __package__.prediction_log.rows import Rows
from __package__.prediction_log.store import Store
from __package__.signature import Input, Signature

from .conftest import NOON, SIGNATURE, batch, scored

DAY = timedelta(days=1)
FIRST = datetime(2013, 7, 1, tzinfo=UTC)
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a batch into the log, as if its days were not long past."""
    store = Store(str(tmp_path), 36_500, 10**9)

    def write(b: Batch, signature: Signature = SIGNATURE) -> None:
        rows = Rows(signature)
        store.write(rows.of(b.ids, b.times, b.versions, b.predictions, b.columns, b.features))

    return write


def read(tmp_path: Path, first: datetime = FIRST, days: int = 1) -> pl.DataFrame:
    return scan(str(tmp_path), first, first + days * DAY).collect()


def ids(rows: pl.DataFrame) -> list[Any]:
    return rows["prediction_id"].to_list()


def test_a_window_begins_with_its_start_and_ends_before_its_end(
    write: Write, tmp_path: Path
) -> None:
    midnight = FIRST.timestamp()
    for number, moment in enumerate((-1.0, 0.0, 86_399.0, 86_400.0)):
        write(batch(scored(1, number, midnight + moment)))
    rows = read(tmp_path)
    assert ids(rows) == ["v1-1", "v1-2"]
    assert tuple(rows.columns) == COLUMNS
    assert ids(read(tmp_path, FIRST - DAY, 3)) == ["v1-0", "v1-1", "v1-2", "v1-3"]


def test_each_prediction_is_there_once_as_it_was_first_answered(
    write: Write, tmp_path: Path
) -> None:
    write(batch(scored(2, 0, NOON + 60)))
    write(batch(scored(2, 1, NOON)))
    rows = read(tmp_path)
    assert ids(rows) == ["v1-1", "v1-2", "v1-0"]
    assert rows["time"][0] == datetime.fromtimestamp(NOON, UTC)


def test_a_file_that_comes_late_is_found(write: Write, tmp_path: Path) -> None:
    write(batch(scored(1, 0)))
    assert ids(read(tmp_path)) == ["v1-0"]
    write(batch(scored(1, 1)))
    assert ids(read(tmp_path)) == ["v1-0", "v1-1"]


def test_models_with_other_inputs_and_features_are_read_together(
    write: Write, tmp_path: Path
) -> None:
    write(batch(scored(1, 0)))
    added = Input(name="colour", type="number", description="c", example=1.0)
    newer = msgspec.structs.replace(
        SIGNATURE,
        inputs=(*SIGNATURE.inputs[1:], added),
        features=("ratio", "age", "speed"),
    )
    late = scored(1, 0, NOON + 1, "v2")
    columns = {**late.columns, "colour": late.columns["size"]}
    write(batch(msgspec.structs.replace(late, columns=columns)), newer)
    old, new = read(tmp_path).to_dicts()
    assert old["inputs"]["colour"] is None
    assert new["inputs"]["kind"] is None
    assert new["inputs"]["colour"] == 0.0
    assert old["features"] == {"kind": 0.0, "ratio": 0.5, "speed": None}
    assert new["features"] == {"kind": None, "ratio": 0.0, "speed": 0.5}


def test_files_that_somebody_has_joined_are_read_too(write: Write, tmp_path: Path) -> None:
    write(batch(scored(2, 0)))
    [path] = tmp_path.rglob("*.parquet")
    path.rename(path.with_name("joined.parquet"))
    assert ids(read(tmp_path)) == ["v1-0", "v1-1"]


def test_a_model_without_features_to_show_has_nulls(write: Write, tmp_path: Path) -> None:
    write(batch(scored(1)), msgspec.structs.replace(SIGNATURE, features=("age",)))
    assert read(tmp_path)["features"].to_list() == [None]


def test_a_log_without_a_name_is_none() -> None:
    with pytest.raises(ValueError, match="the prediction log must be a path"):
        scan("", FIRST, FIRST + DAY)


@pytest.mark.parametrize("where", ["", "nowhere"])
def test_without_predictions_it_says_so(tmp_path: Path, where: str) -> None:
    with pytest.raises(FileNotFoundError, match="holds no predictions from 2013-07-01 00:00"):
        scan(str(tmp_path / where), FIRST, FIRST + DAY)


def test_a_file_that_is_no_parquet_is_named_as_such(write: Write, tmp_path: Path) -> None:
    write(batch())
    [path] = tmp_path.rglob("*.parquet")
    path.write_text("text")
    with pytest.raises(ValueError, match="cannot be read"):
        scan(str(tmp_path), FIRST, FIRST + DAY)
