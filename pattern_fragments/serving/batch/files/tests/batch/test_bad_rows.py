"""Rows that cannot be scored: where they go, and when they stop the run."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from __package__.batch.figures import Figures
from __package__.batch.run import try_day
from __package__.batch.share import TooManyBadRows, allowed
from __package__.columns import Columns, InvalidInput, Problem
from __package__.domain import sample
from __package__.observer import Scored
from __package__.scoring import Scorer
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import DAY, ROWS_PER_PART, Run, command, published, read

pytestmark = pytest.mark.slow

BAD = (3, ROWS_PER_PART + 5)
"""Rows (from 0) of two parts that have no value where the model needs one."""


@pytest.fixture
def field(signature: Signature) -> str:
    """The input that is missing in the bad rows."""
    return signature.inputs[-1].name


@pytest.fixture
def bad_input(day_input: Path, rows: pl.DataFrame, field: str) -> Path:
    """The day's input with two bad rows."""
    is_bad = pl.int_range(pl.len()).is_in(BAD)
    rows.with_columns(pl.when(is_bad).then(None).otherwise(field).alias(field)).write_parquet(
        day_input
    )
    return day_input


@pytest.mark.usefixtures("bad_input")
def test_bad_rows_are_quarantined_with_place_reasons_and_values(
    run: Run, settings: Settings, rows: pl.DataFrame, field: str
) -> None:
    manifest = run()
    folder = published(settings.output)
    lines = [
        line
        for path in sorted(folder.glob("quarantine/*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    entries = [msgspec.json.decode(line) for line in lines]
    assert [(entry["file"], entry["row"]) for entry in entries] == [
        ("rows.parquet", row + 1) for row in BAD
    ]
    for entry, row in zip(entries, BAD, strict=True):
        assert entry["problems"] == [{"field": field, "reason": "is missing"}]
        assert entry["values"]["key"] == rows["key"][row]
        assert entry["values"][field] is None
    assert (manifest.rows, manifest.scored, manifest.quarantined) == (len(rows), len(rows) - 2, 2)
    assert manifest.reasons == {f"{field} is missing": 2}


@pytest.mark.usefixtures("bad_input")
def test_every_row_is_either_published_or_quarantined(
    run: Run, settings: Settings, rows: pl.DataFrame
) -> None:
    run()
    scored = read(settings.output)
    assert scored["key"].to_list() == [key for row, key in enumerate(rows["key"]) if row not in BAD]
    assert scored["source_row"].to_list() == [row + 1 for row in range(len(rows)) if row not in BAD]


@pytest.mark.usefixtures("bad_input")
def test_rows_that_scoring_refuses_are_quarantined_beside_those_that_cannot_be_read(
    run: Run,
    settings: Settings,
    rows: pl.DataFrame,
    field: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = [row for row in range(len(rows)) if row not in BAD and row % 7 == 0]
    score = Scorer.score

    def choosy(scorer: Scorer, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        # The id of a prediction ends in the number of its row, from 1.
        numbers = [int(identity.rpartition("-")[2]) - 1 for identity in ids]
        problems = [
            Problem(place, "speed", "is too much")
            for place, number in enumerate(numbers)
            if number in refused
        ]
        if problems:
            raise InvalidInput(problems)
        return score(scorer, columns, ids)

    monkeypatch.setattr(Scorer, "score", choosy)
    manifest = run(max_quarantined_share=0.5)
    assert manifest.reasons == {"speed is too much": len(refused), f"{field} is missing": len(BAD)}
    scored = read(settings.output)
    left = sorted(set(range(len(rows))) - set(BAD) - set(refused))
    assert scored["source_row"].to_list() == [row + 1 for row in left]
    assert scored["key"].to_list() == rows["key"][left].to_list()
    ids = [int(identity.rpartition("-")[2]) - 1 for identity in scored["prediction_id"]]
    assert ids == left


def test_a_row_of_another_day_is_quarantined_and_a_file_of_one_stops_the_run(
    run: Run, settings: Settings, day_input: Path, rows: pl.DataFrame
) -> None:
    next_day = datetime.combine(DAY, time(), UTC) + timedelta(days=1)
    others = sample.rows(next_day, next_day + timedelta(days=1))
    pl.concat([others[:1], rows]).write_parquet(day_input)
    manifest = run()
    assert manifest.reasons == {f"is of another day than {DAY}": 1}
    assert read(settings.output)["key"].to_list() == rows["key"].to_list()
    others.write_parquet(day_input)
    with pytest.raises(TooManyBadRows, match=f"is of another day than {DAY}"):
        run()


@pytest.mark.usefixtures("bad_input")
def test_too_many_bad_rows_publish_nothing_and_leave_what_was_published(
    run: Run, settings: Settings, rows: pl.DataFrame, field: str
) -> None:
    run()
    before = published(settings.output).readlink()
    share = 1 / len(rows)
    with pytest.raises(TooManyBadRows) as error:
        run(again=True, max_quarantined_share=share)
    assert published(settings.output).readlink() == before
    assert f" and 1 of all {len(rows):,} may be: {field} is missing (2)." in str(error.value)
    where = Path(str(error.value).rpartition(" in ")[2])
    assert len(list(where.glob("*.jsonl"))) == 2


@pytest.mark.usefixtures("bad_input")
def test_the_process_says_so_and_ends_with_a_code_of_its_own(settings: Settings) -> None:
    strict = settings.model_copy(update={"max_quarantined_share": 0.0})
    ended = command(strict, "--date", str(DAY))
    assert ended.returncode == 3
    assert ended.stderr.startswith(f"{DAY} was not published: ")
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not published(settings.output).exists()


def test_it_stops_as_soon_as_it_is_certain(
    run: Run, settings: Settings, day_input: Path, rows: pl.DataFrame, field: str
) -> None:
    broken = rows.with_columns(pl.lit(None, rows.schema[field]).alias(field))
    pl.concat([broken] * 5).write_parquet(day_input)
    with pytest.raises(TooManyBadRows):
        run(workers=1)
    [partial] = (settings.output / ".versions" / f"date={DAY}").glob("*.partial")
    assert len(list(partial.glob("*.parquet"))) <= 3


@pytest.mark.parametrize(
    ("rows", "share", "bad"),
    [(950, 0.01, 9), (50, 0.01, 1), (2, 0.01, 1), (50, 0.0, 0), (1, 0.01, 0), (1, 1.0, 1)],
)
def test_one_row_of_a_small_input_may_be_bad_unless_none_may_or_it_is_all(
    rows: int, share: float, bad: int
) -> None:
    assert allowed(rows, share) == bad


def first_rows_bad(path: Path, rows: pl.DataFrame, field: str, count: int) -> None:
    is_bad = pl.int_range(pl.len()) < count
    rows.with_columns(pl.when(is_bad).then(None).otherwise(field).alias(field)).write_parquet(path)


def test_a_trial_holds_the_bad_rows_of_its_part_against_all_rows_and_tells_why_they_are_bad(
    settings: Settings,
    day_input: Path,
    rows: pl.DataFrame,
    field: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    few = allowed(len(rows), settings.max_quarantined_share)
    assert few > allowed(ROWS_PER_PART, settings.max_quarantined_share)
    first_rows_bad(day_input, rows, field, few)
    try_day(settings, DAY, Figures(settings, DAY, is_trial=True))
    assert caplog.records[-1].__dict__["reasons"] == {f"{field} is missing": few}
    first_rows_bad(day_input, rows, field, few + 1)
    with pytest.raises(TooManyBadRows) as error:
        try_day(settings, DAY, Figures(settings, DAY, is_trial=True))
    # Where they stood is removed with the trial.
    assert str(error.value).endswith(f"of all {len(rows):,} may be: {field} is missing ({few + 1})")


def test_a_trial_that_can_score_no_row_fails_however_many_rows_the_day_has(
    settings: Settings, day_input: Path, rows: pl.DataFrame, field: str
) -> None:
    first_rows_bad(day_input, rows, field, ROWS_PER_PART)
    lenient = settings.model_copy(update={"max_quarantined_share": 0.9})
    message = f"^all of the first {ROWS_PER_PART} rows are bad: {field} is missing "
    with pytest.raises(TooManyBadRows, match=message):
        try_day(lenient, DAY, Figures(lenient, DAY, is_trial=True))
