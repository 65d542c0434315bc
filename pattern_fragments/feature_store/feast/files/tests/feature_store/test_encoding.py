"""Serving reads what Feast wrote, without Feast: both must read the same."""

from pathlib import Path

import numpy as np
import pytest

from __package__.feature_matrix import ENTITIES
from __package__.feature_store.encoding import number
from __package__.feature_store.readers import SqliteReader
from __package__.feature_store.tables import ONLINE_FILE, read_tables
from __package__.feature_store.versions import view_of
from __package__.model_folder import ModelFolder
from __package__.signature import Signature

from .conftest import needs_entities


@needs_entities
def test_the_service_reads_what_feast_reads(
    folder: ModelFolder, signature: Signature, tmp_path: Path
) -> None:
    from __package__.feature_store.repository import (
        feature_store,
        in_sqlite,
    )

    path = folder.path / ONLINE_FILE
    tables = read_tables(SqliteReader(path), signature.inputs).tables
    with feature_store(tmp_path, in_sqlite(path)) as store:
        for column in signature.inputs:
            if column.name in ENTITIES:
                features = [feature.name for feature in ENTITIES[column.name]]
                answer = store.get_online_features(
                    features=[f"{view_of(column.name)}:{name}" for name in features],
                    entity_rows=[{column.name: name} for name in (*column.categories, "nobody")],
                ).to_dict()
                expected = np.array([answer[name] for name in features], np.float32).T
                np.testing.assert_array_equal(tables[column.name], expected)


@pytest.mark.parametrize("encoded", [b"\x12\x01a", b"\x35\x00", b"\x29\x00\x00\x00\x00"])
def test_a_value_that_is_no_number_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="something else than a number"):
        number(encoded)


def test_serving_does_not_load_feast(loaded_by_serving: set[str]) -> None:
    assert "redis" in loaded_by_serving
    assert not {"feast", "duckdb", "ibis", "dask"} & loaded_by_serving
