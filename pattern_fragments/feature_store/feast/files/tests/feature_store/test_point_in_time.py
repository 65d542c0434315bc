"""Training sets from the offline store, and that serving sees what training saw."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__ import feature_matrix
from __package__.columns import UNKNOWN
from __package__.domain import data
from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES
from __package__.feature_store import grid, offline, versions
from __package__.feature_store.grid import moment_before
from __package__.feature_store.offline import point_in_time
from __package__.feature_store.readers import SqliteReader
from __package__.feature_store.tables import (
    ONLINE_FILE,
    of_nothing,
    read_tables,
)
from __package__.feature_store.versions import INTERVAL
from __package__.feature_store.windows import history_of
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.training.dataset import Dataset, load
from __package__.wiring import build_service

from .conftest import needs_entities
from .stores import write_features


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(data.SMALL_PERIOD)


@needs_entities
def test_training_sees_what_was_known_at_the_last_full_interval(dataset: Dataset) -> None:
    """Every row of Feast's join, held against a computation that knows nothing of Feast."""
    width = sum(len(features) for features in ENTITIES.values())
    first = dataset.features.shape[1] - width
    cuts = dataset.cuts // INTERVAL * INTERVAL
    known = {column.name: column.categories for column in dataset.inputs}
    for entity, features in ENTITIES.items():
        codes = dataset.columns[entity]
        expected = history_of(features, dataset.events, known[entity], codes, cuts)
        expected[codes == UNKNOWN] = of_nothing(features)
        last = first + len(features)
        np.testing.assert_array_equal(dataset.features[:, first:last], expected)
        first = last


@needs_entities
def test_serving_sees_what_training_saw(dataset: Dataset, folder: ModelFolder) -> None:
    """The same rows through both stores: the features are equal in every bit."""
    examples = data.examples(data.SMALL_PERIOD.start, data.SMALL_PERIOD.end)
    names = [column.name for column in dataset.inputs]
    compared = 0
    moments = dataset.cuts // INTERVAL * INTERVAL
    distinct = np.unique(moments)
    for moment in distinct[1 :: len(distinct) // 4].tolist():
        write_features(folder.path / ONLINE_FILE, dataset.events, moment)
        rows = np.flatnonzero(moments == moment)
        requests = msgspec.json.decode(
            msgspec.json.encode(examples[rows.tolist()].select(names).to_dicts())
        )
        scorer = build_service(Settings(model_dir=folder.path)).scorer
        served = scorer.score(scorer.encode_rows(requests)).features
        np.testing.assert_array_equal(served, dataset.features[rows])
        compared += len(rows)
    assert compared > 50


@needs_entities
def test_rows_come_back_in_their_own_order(dataset: Dataset) -> None:
    order = np.argsort(dataset.columns["distance"], kind="stable")[:300]
    columns = {name: values[order] for name, values in dataset.columns.items()}
    found = point_in_time(dataset.events, dataset.inputs, columns, dataset.cuts[order])
    expected = dataset.features[order]
    width = sum(block.shape[1] for block in found.values())
    blocks = np.column_stack([found[entity] for entity in ENTITIES])
    np.testing.assert_array_equal(blocks, expected[:, -width:])


@needs_entities
def test_the_store_beside_a_model_holds_entities_that_the_model_does_not_know(
    folder: ModelFolder, signature: Signature
) -> None:
    inputs = [msgspec.structs.replace(one, categories=()) for one in signature.inputs]
    reader = SqliteReader(folder.path / ONLINE_FILE)
    none = read_tables(reader, inputs).tables
    assert {entity: len(table) for entity, table in none.items()} == dict.fromkeys(ENTITIES, 1)
    for entity, table in read_tables(reader, signature.inputs).tables.items():
        np.testing.assert_array_equal(table[-1], of_nothing(ENTITIES[entity]))
        assert np.isfinite(table).any()


@needs_entities
def test_what_training_leaves_is_as_of_the_last_full_interval(
    folder: ModelFolder, signature: Signature, dataset: Dataset
) -> None:
    tables = read_tables(SqliteReader(folder.path / ONLINE_FILE), signature.inputs)
    ends = [frame["available_at"].max() for frame in dataset.events.values()]
    first = min(end.timestamp() for end in ends if isinstance(end, datetime))
    assert tables.as_of == moment_before(first)
    assert tables.data_as_of == min(tables.newest.values()) <= tables.as_of
    for entity, table in tables.tables.items():
        known = np.isfinite(table).any(axis=0)
        assert known.all(), [f.name for f in np.array(ENTITIES[entity])[~known]]


@needs_entities
def test_a_table_without_events_publishes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    table = next(iter(ENTITIES.values()))[0].events
    events = {**dataset.events, table: dataset.events[table].clear()}
    with pytest.raises(ValueError, match=f"the table {table} holds no event"):
        offline.publish(tmp_path, dataset.inputs, events, datetime(2013, 1, 15, tzinfo=UTC))
    assert not (tmp_path / ONLINE_FILE).exists()


def test_a_domain_without_histories_needs_no_store(
    signature: Signature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, grid, offline, versions):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    empty: dict[str, pl.DataFrame] = {}
    assert point_in_time(empty, signature.inputs, {}, np.array([0])) == {}
    offline.publish(tmp_path, signature.inputs, empty)
    assert [path.name for path in tmp_path.iterdir()] == [versions.FILE_NAME]
