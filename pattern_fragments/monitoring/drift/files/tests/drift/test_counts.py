"""A service counts what it is asked and answers, in the bins of the reference."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from __package__.deferred import Batch
from __package__.drift.bins import MOST_CATEGORIES, PREDICTION
from __package__.drift.counts import WINDOWS, DriftCounts
from __package__.drift.limits import FILE_NAME, DriftLimits
from __package__.gauges import Gauge, Labels
from __package__.model_folder import ModelFolder
from __package__.observer import Scored
from __package__.service import Service
from __package__.training.reference import BINS


@pytest.fixture
def gauges() -> list[Gauge]:
    return []


@pytest.fixture
def counts(model_folder: ModelFolder, gauges: list[Gauge]) -> DriftCounts:
    return DriftCounts(model_folder.read_signature(), model_folder, gauges)


@pytest.fixture
def scored(service: Service) -> Scored:
    return service.scorer.score(service.scorer.encode_rows([service.signature.example] * 3))


def shown(gauges: list[Gauge], name: str) -> Mapping[Labels, float]:
    return next(gauge.values() for gauge in gauges if gauge.name == name)


def test_each_row_is_counted_once_for_everything_watched(
    counts: DriftCounts, gauges: list[Gauge], scored: Scored
) -> None:
    assert set(shown(gauges, "drift_rows_total").values()) == {0}
    counts.observe(Batch([scored, scored], {}))
    rows: dict[str, float] = {}
    for (_, feature, _), value in shown(gauges, "drift_rows_total").items():
        rows[feature] = rows.get(feature, 0) + value
    assert set(rows.values()) == {6}
    assert set(scored.columns) & set(rows)
    assert PREDICTION in rows


def test_a_batch_of_refusals_alone_counts_nothing(counts: DriftCounts, gauges: list[Gauge]) -> None:
    counts.observe(Batch([], {"invalid_input": 4}))
    assert set(shown(gauges, "drift_rows_total").values()) == {0}


@pytest.mark.usefixtures("counts")
def test_the_shares_of_the_reference_stand_beside_the_counts(gauges: list[Gauge]) -> None:
    shares = shown(gauges, "drift_reference_share")
    assert shares.keys() == shown(gauges, "drift_rows_total").keys()
    predictions = [share for (_, feature, _), share in shares.items() if feature == PREDICTION]
    assert np.isclose(sum(predictions), 1, atol=1e-3)


@pytest.mark.usefixtures("counts")
def test_the_number_of_series_is_bounded_by_what_is_watched(gauges: list[Gauge]) -> None:
    shares = shown(gauges, "drift_reference_share")
    watched = {feature for _, feature, _ in shares}
    assert len(shares) <= len(watched) * max(BINS + 1, MOST_CATEGORIES + 2)


@pytest.mark.usefixtures("counts")
def test_every_series_names_the_model_and_what_has_no_limit_has_no_series(
    gauges: list[Gauge], model_folder: ModelFolder
) -> None:
    version = model_folder.read_signature().version
    limits = shown(gauges, "drift_psi_limit")
    watched = DriftLimits.read(model_folder.path / FILE_NAME).watched
    assert {key[0] for key in limits} == {version}
    for window, days in WINDOWS.items():
        has = {name for name, one in watched.items() if one.limits(days).psi is not None}
        assert {key[1] for key in limits if key[2:] == (window, "reference")} == has
    has = {name for name, one in watched.items() if one.week_before is not None}
    assert {key[1] for key in limits if key[2:] == ("1d", "week_before")} == has
    has = {name for name, one in watched.items() if one.above_history is not None}
    assert {key[1] for key in limits if key[2:] == ("1d", "history")} == has


def test_nothing_of_a_personal_input_is_shown(
    model_folder: ModelFolder, tmp_path: Path, scored: Scored
) -> None:
    signature = model_folder.read_signature()
    inputs = tuple(msgspec.structs.replace(one, personal=True) for one in signature.inputs)
    secret = msgspec.structs.replace(signature, inputs=inputs)
    folder = ModelFolder(shutil.copytree(model_folder.path, tmp_path / "model"))
    limits = DriftLimits.read(folder.path / FILE_NAME)
    names = {column.name for column in inputs}
    watched = {name: one for name, one in limits.watched.items() if name not in names}
    limits = msgspec.structs.replace(limits, watched=watched)
    (folder.path / FILE_NAME).write_bytes(msgspec.json.encode(limits))
    gauges: list[Gauge] = []
    DriftCounts(secret, folder, gauges).observe(Batch([scored], {}))
    features = {key[1] for gauge in gauges for key in gauge.values()}
    assert not features & names
    assert PREDICTION in features
