"""A service measures the quality of what it is asked."""

from collections.abc import Mapping

import numpy as np
import pandera.polars as pa
import polars as pl
import pytest

from __package__.columns import UNKNOWN
from __package__.data_quality import validation
from __package__.data_quality.counts import QualityCounts
from __package__.data_quality.rows import places_of
from __package__.data_quality.validation import CHECKS
from __package__.deferred import Batch
from __package__.gauges import Gauge, Labels
from __package__.model_folder import ModelFolder
from __package__.observer import Scored
from __package__.service import Service
from __package__.settings import Settings


@pytest.fixture
def gauges() -> list[Gauge]:
    return []


@pytest.fixture
def counts(model_folder: ModelFolder, settings: Settings, gauges: list[Gauge]) -> QualityCounts:
    few = settings.model_copy(update={"quality_max_rows": 4})
    return QualityCounts(model_folder.read_signature(), model_folder, few, gauges)


def score(service: Service, rows: int) -> Scored:
    return service.scorer.score(service.scorer.encode_rows([service.signature.example] * rows))


def shown(gauges: list[Gauge], name: str) -> Mapping[Labels, float]:
    return next(gauge.values() for gauge in gauges if gauge.name == name)


def test_every_check_and_gap_is_shown_before_the_first_row(
    counts: QualityCounts, gauges: list[Gauge]
) -> None:
    counts.observe(Batch([], {}))
    assert set(shown(gauges, "quality_rows_failed_total")) == set(CHECKS)
    for gap in ("missing", "unknown"):
        counted = shown(gauges, f"quality_{gap}_rows_total")
        assert set(counted.values()) <= {0}
        assert counted.keys() == shown(gauges, f"quality_reference_{gap}_share").keys()
    assert shown(gauges, "quality_reference_failed_share").keys() == set(CHECKS)


def test_a_schema_that_does_not_fit_the_rows_shows_at_the_start(
    model_folder: ModelFolder, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = pa.DataFrameSchema({"stranger": pa.Column(pl.String)})
    monkeypatch.setattr(validation, "SCHEMA", schema)
    with pytest.raises(ValueError, match=r"the rows do not fit domain/quality\.py"):
        QualityCounts(model_folder.read_signature(), model_folder, settings, [])


def test_a_sample_is_checked_and_the_gaps_of_all_rows_are_counted(
    counts: QualityCounts, gauges: list[Gauge], service: Service
) -> None:
    counts.observe(Batch([score(service, 3)], {}))
    counts.observe(Batch([score(service, 7), score(service, 3)], {}))
    assert shown(gauges, "quality_rows_checked_total") == {(): 3 + 4}
    assert shown(gauges, "quality_rows_total") == {(): 13}


def test_a_missing_feature_is_counted_by_its_name(
    counts: QualityCounts, gauges: list[Gauge], service: Service
) -> None:
    scored = score(service, 2)
    name, place = next(iter(places_of(service.signature).items()))
    scored.features[:] = 0
    scored.features[0, place] = np.nan
    counts.observe(Batch([scored], {}))
    missing = shown(gauges, "quality_missing_rows_total")
    assert {label: count for label, count in missing.items() if count} == {(name,): 1}


def test_an_unknown_category_is_counted_by_its_input(
    counts: QualityCounts, gauges: list[Gauge], service: Service
) -> None:
    scored = score(service, 2)
    unknown = shown(gauges, "quality_unknown_rows_total")
    for (name,) in unknown:
        scored.columns[name][:] = UNKNOWN
    counts.observe(Batch([scored], {}))
    assert set(shown(gauges, "quality_unknown_rows_total").values()) <= {2}


@pytest.mark.usefixtures("counts")
def test_what_callers_may_do_wrong_is_shown_as_zero_before_the_first_refusal(
    gauges: list[Gauge],
) -> None:
    counted = shown(gauges, "quality_refused_total")
    assert counted == {("invalid_input",): 0, ("malformed",): 0}


def test_refusals_are_counted_by_reason(counts: QualityCounts, gauges: list[Gauge]) -> None:
    counts.observe(Batch([], {"invalid_input": 3}))
    counts.observe(Batch([], {"invalid_input": 1, "overloaded": 2}))
    counted = shown(gauges, "quality_refused_total")
    assert {key: count for key, count in counted.items() if count} == {
        ("invalid_input",): 4,
        ("overloaded",): 2,
    }
