"""The features of entities as they were, and that serving sees what training saw."""

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
from __package__.feature_store import offline
from __package__.feature_store.offline import (
    _newest,
    history_of,
    snapshot_of,
)
from __package__.feature_store.snapshot import FILE_NAME, Snapshot
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.training.dataset import load
from __package__.wiring import build_service

from .conftest import needs_entities

HISTORY = {
    "trips": pl.DataFrame(
        {
            "available_at": [datetime(2020, 1, 1, hour, tzinfo=UTC) for hour in (3, 1, 2, 2, 2)],
            "shop": ["a", "a", "a", "b", "a"],
            "late": [None, 1.0, 4.0, 8.0, float("nan")],
        }
    )
}


def feature(statistic: str, hours: int) -> list[float]:
    """The feature of the shops a, b and of an unknown one, at 03:00."""
    definition = EntityFeature("f", "shop", "trips", "late", statistic, hours * 3600)  # type: ignore[arg-type]
    cut = int(datetime(2020, 1, 1, 3, tzinfo=UTC).timestamp())
    rows = history_of([definition], HISTORY, ("a", "b"), np.array([0, 1, UNKNOWN]), np.full(3, cut))
    return [float(value) for value in rows[:, 0]]


@pytest.mark.parametrize(
    ("statistic", "hours", "expected"),
    [
        ("mean", 3, [2.5, 8.0, np.nan]),
        ("mean", 2, [4.0, 8.0, np.nan]),
        ("mean", 1, [np.nan, np.nan, np.nan]),
        ("last", 3, [4.0, 8.0, np.nan]),
        ("last", 1, [np.nan, np.nan, np.nan]),
        ("count", 3, [2.0, 1.0, 0.0]),
    ],
)
def test_a_window_is_open_at_its_start_and_closed_at_its_cut(
    statistic: str, hours: int, expected: list[float]
) -> None:
    np.testing.assert_array_equal(feature(statistic, hours), expected)


@needs_entities
def test_serving_sees_what_training_saw(folder: ModelFolder) -> None:
    """The same rows through both: the features as of their cut are equal in every bit."""
    period = data.SMALL_PERIOD
    dataset = load(period)
    examples = data.examples(period.start, period.end)
    settings = Settings(model_dir=folder.path)
    compared = 0
    cuts = np.unique(dataset.cuts)
    for cut in cuts[1 :: len(cuts) // 8].tolist():
        rows = np.flatnonzero(dataset.cuts == cut)
        moment = datetime.fromtimestamp(cut, UTC)
        snapshot_of(dataset.events, dataset.inputs, moment).write(folder.path / FILE_NAME)
        names = [column.name for column in dataset.inputs]
        requests = msgspec.json.decode(
            msgspec.json.encode(examples[rows.tolist()].select(names).to_dicts())
        )
        scorer = build_service(settings).scorer
        served = scorer.score(scorer.encode_rows(requests)).features
        np.testing.assert_array_equal(served, dataset.features[rows])
        compared += len(rows)
    assert compared > 5


@needs_entities
def test_training_leaves_a_snapshot_of_the_moment_when_its_first_table_ends(
    folder: ModelFolder,
) -> None:
    dataset = load(data.SMALL_PERIOD)
    first = min(_newest(dataset.events, None).values())
    assert Snapshot.read(folder.path / FILE_NAME).as_of == first


@needs_entities
def test_an_entity_that_training_has_not_seen_gets_the_features_of_none(
    folder: ModelFolder, signature: Signature
) -> None:
    tables = Snapshot.read(folder.path / FILE_NAME).tables(signature.inputs)
    assert set(tables) == set(ENTITIES)
    for column in signature.inputs:
        if column.name in tables:
            statistics = [feature.statistic for feature in ENTITIES[column.name]]
            nothing = [0.0 if statistic == "count" else np.nan for statistic in statistics]
            assert len(tables[column.name]) == len(column.categories) + 1
            np.testing.assert_array_equal(tables[column.name][-1], nothing)


def test_code_with_other_features_than_the_model_is_refused(
    folder: ModelFolder, signature: Signature
) -> None:
    msgspec.structs.replace(signature, features=signature.features[::-1]).write(folder.signature)
    with pytest.raises(ValueError, match="train again"):
        build_service(Settings(model_dir=folder.path))


def test_a_domain_without_histories_publishes_no_snapshot(
    signature: Signature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing: dict[str, tuple[EntityFeature, ...]] = {}
    for module in (feature_matrix, offline):
        monkeypatch.setattr(module, "ENTITIES", nothing)
    offline.publish(tmp_path, signature.inputs, {})
    assert not any(tmp_path.iterdir())
