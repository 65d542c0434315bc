"""What a row of the log holds, and which rows are in a sample."""

from datetime import UTC, datetime

import msgspec
import polars as pl

from __package__.logged import COLUMNS
from __package__.prediction_log.rows import Rows, is_sampled
from __package__.signature import Signature

from .conftest import NOON, SIGNATURE, batch


def rows_of(signature: Signature) -> pl.DataFrame:
    b = batch()
    return Rows(signature).of(b.ids, b.times, b.versions, b.predictions, b.columns, b.features)


def test_a_row_holds_what_was_asked_and_what_was_answered() -> None:
    row = rows_of(SIGNATURE).row(1, named=True)
    assert tuple(row) == COLUMNS
    assert row == {
        "prediction_id": "v1-1",
        "time": datetime.fromtimestamp(NOON, UTC),
        "model_version": "v1",
        "prediction": 0.5,
        "inputs": {"kind": "a", "size": 1.0, "asked": datetime.fromtimestamp(NOON, UTC)},
        "features": {"kind": 0.0, "ratio": 0.5},
    }


def test_a_category_that_training_does_not_know_is_null() -> None:
    assert rows_of(SIGNATURE)["inputs"].struct.field("kind").to_list() == [None, "a", "b"]


def test_nothing_about_a_person_and_no_caller_is_in_it() -> None:
    text = rows_of(SIGNATURE).write_json()
    assert "77" not in text
    assert '"age"' not in text
    assert "secret-request" not in text


def test_a_model_whose_inputs_are_all_personal_is_logged_without_them() -> None:
    secret = tuple(msgspec.structs.replace(each, personal=True) for each in SIGNATURE.inputs)
    columns = rows_of(msgspec.structs.replace(SIGNATURE, inputs=secret, features=("age",))).columns
    assert columns == ["prediction_id", "time", "model_version", "prediction"]


def test_a_sample_has_its_share_and_is_the_same_everywhere() -> None:
    names = [f"call-{number}" for number in range(20_000)]
    tenth = {name for name in names if is_sampled(name, 0.1)}
    assert 0.09 < len(tenth) / len(names) < 0.11
    assert tenth <= {name for name in names if is_sampled(name, 0.2)}
    assert [name for name in names[:30] if is_sampled(name, 0.1)] == [
        f"call-{number}" for number in (1, 2, 27)
    ]
    assert all(is_sampled(name, 1.0) for name in names)
    assert not any(is_sampled(name, 0.0) for name in names)
