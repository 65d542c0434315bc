"""Which predictions count: those that are old enough, with what was known by then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.performance.compute import BINS, UNKNOWN, Performance
from __package__.performance.summary import table
from __package__.performance.windows import Window
from __package__.terms import Decision, Segment

from .conftest import DAY, HOUR, ROWS_PER_DAY, START, UNTIL, WriteLog, outcomes_of, predictions

DECISION = Decision(
    threshold=0.5,
    unit="EUR",
    true_positive=1.0,
    false_positive=1.0,
    true_negative=0.0,
    false_negative=2.0,
)
Compute = Callable[..., pl.DataFrame]


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    """The figures of the whole two weeks."""

    def of(
        outcomes: pl.DataFrame,
        as_of: datetime = UNTIL + 30 * DAY,
        delay: timedelta = DAY,
        segment: str = "other",
    ) -> pl.DataFrame:
        performance = Performance(
            str(tmp_path / "log"),
            outcomes.lazy(),
            DECISION,
            [Segment(segment, 0.1)],
            delay,
            as_of,
        )
        return table(performance.lines([Window("month", START, UNTIL)], lambda *_: None))

    return of


def value(figures: pl.DataFrame, name: str, group: str = "") -> float:
    [found] = figures.filter((pl.col("figure") == name) & (pl.col("group") == group))["value"]
    return float(found)


def rows_of(figures: pl.DataFrame, name: str) -> int:
    [found] = figures.filter((pl.col("figure") == name) & (pl.col("segment") == ""))["rows"]
    return int(found)


def test_outcomes_join_by_the_id_of_the_prediction(write_log: WriteLog, compute: Compute) -> None:
    outcomes = outcomes_of(write_log())
    figures = compute(outcomes.sample(fraction=1, shuffle=True, seed=0))
    assert value(figures, "predictions") == 14 * ROWS_PER_DAY
    assert value(figures, "label_coverage") == 1.0
    assert value(figures, "observed_rate") == pytest.approx(outcomes["label"].mean())
    assert value(figures, "label_delay_median_s") == 2 * 3600


def test_a_prediction_counts_when_its_outcome_is_due(write_log: WriteLog, compute: Compute) -> None:
    outcomes = outcomes_of(write_log())
    figures = compute(outcomes, as_of=START + 9 * DAY, delay=2 * DAY)
    assert value(figures, "predictions") == 14 * ROWS_PER_DAY
    assert rows_of(figures, "label_coverage") == 7 * ROWS_PER_DAY + 4  # those of midnight
    assert rows_of(figures, "observed_rate") == 7 * ROWS_PER_DAY + 4


def test_an_outcome_that_was_not_known_by_then_is_missing(
    write_log: WriteLog, compute: Compute
) -> None:
    rows = write_log()
    late = outcomes_of(rows, delay=5 * DAY)
    assert value(compute(late, as_of=UNTIL), "label_coverage") < 0.75
    assert value(compute(late), "label_coverage") == 1.0


def test_a_correction_counts_from_when_it_was_told(write_log: WriteLog, compute: Compute) -> None:
    outcomes = outcomes_of(write_log())
    corrections = outcomes.with_columns(
        label=1 - pl.col("label"), labelled_at=pl.lit(UNTIL + 5 * DAY)
    )
    both = pl.concat([outcomes, corrections])
    rate = float(outcomes["label"].to_numpy().mean())
    before = compute(both, as_of=UNTIL + 4 * DAY)
    assert value(before, "label_coverage") == 1.0
    assert value(before, "observed_rate") == pytest.approx(rate)
    assert value(compute(both), "observed_rate") == pytest.approx(1 - rate)


def test_coverage_is_the_share_of_the_due_ones_with_an_outcome(
    write_log: WriteLog, compute: Compute
) -> None:
    outcomes = outcomes_of(write_log())
    assert value(compute(outcomes.head(350)), "label_coverage") == 0.25


def test_without_any_outcome_only_coverage_is_known(write_log: WriteLog, compute: Compute) -> None:
    figures = compute(outcomes_of(write_log()).clear())
    assert set(figures["figure"]) == {"predictions", "label_coverage", "computed_timestamp_seconds"}
    assert value(figures, "label_coverage") == 0.0


def test_each_model_has_figures_of_its_own(write_log: WriteLog, compute: Compute) -> None:
    both = [write_log(), write_log(predictions(7, "v2"))]
    figures = compute(pl.concat([outcomes_of(rows) for rows in both]))
    counts = figures.filter(pl.col("figure") == "predictions")
    assert dict(counts.select("model_version", "value").iter_rows()) == {"v1": 1400, "v2": 700}


def test_rows_are_parted_by_the_inputs_value_and_by_their_prediction(
    write_log: WriteLog, compute: Compute
) -> None:
    rows = predictions().with_columns(
        pl.col("inputs").struct.with_fields(
            other=pl.when(pl.int_range(pl.len()) % 4 > 0).then(pl.lit("known"))
        )
    )
    figures = compute(outcomes_of(write_log(rows)))
    assert value(figures, "selection_rate", "known") == pytest.approx(0.5, abs=0.05)
    assert value(figures, "selection_rate", UNKNOWN) == pytest.approx(0.5, abs=0.08)
    curve = figures.filter(pl.col("segment") == BINS)
    assert curve["group"].n_unique() == 15
    assert curve["rows"].sum() == 2 * 14 * ROWS_PER_DAY


def test_an_input_that_is_not_in_the_log_is_named(write_log: WriteLog, compute: Compute) -> None:
    outcomes = outcomes_of(write_log())
    with pytest.raises(ValueError, match=r"SEGMENTS in domain/value.py .*height"):
        compute(outcomes, segment="height")


def test_days_without_predictions_have_no_figures(compute: Compute) -> None:
    figures = compute(outcomes_of(predictions()), as_of=START + HOUR)
    assert figures["figure"].to_list() == ["computed_timestamp_seconds"]
