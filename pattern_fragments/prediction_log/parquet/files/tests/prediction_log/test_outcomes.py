"""Outcomes come in files of several kinds, late, more than once, and now and then wrong."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.outcomes import SCHEMA, known, scan

AT = datetime(2013, 7, 1, 12, tzinfo=UTC)
CSV = "prediction_id,label,labelled_at\n{}\n"


def parquet(path: Path, *rows: tuple[str, float, datetime]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(path)


def test_files_of_all_kinds_are_read_together(tmp_path: Path) -> None:
    parquet(tmp_path / "deep" / "date=2013-07-01" / "a.parquet", ("a", 1.0, AT))
    (tmp_path / "b.csv").write_text(CSV.format("007,0,2013-07-01T14:00:00+02:00"))
    (tmp_path / "c.jsonl").write_text(
        '{"prediction_id": "c", "label": 1, "labelled_at": "2013-07-01T12:00:00Z", "by": "me"}\n'
    )
    (tmp_path / "notes.txt").write_text("not an outcome")
    rows = scan(str(tmp_path)).collect().sort("prediction_id")
    assert dict(rows.schema) == SCHEMA
    assert rows.rows() == [("007", 0.0, AT), ("a", 1.0, AT), ("c", 1.0, AT)]


@pytest.mark.parametrize("where", ["out/a.parquet", "out", "o*/*.parquet"])
def test_a_file_a_folder_or_a_pattern_names_them(tmp_path: Path, where: str) -> None:
    parquet(tmp_path / "out" / "a.parquet", ("a", 1.0, AT))
    assert len(scan(str(tmp_path / where)).collect()) == 1


def test_of_several_outcomes_of_one_prediction_the_newest_counts(tmp_path: Path) -> None:
    parquet(tmp_path / "b.parquet", ("a", 0.0, AT.replace(hour=14)))
    parquet(tmp_path / "c.parquet", ("a", 1.0, AT))
    rows = known(scan(str(tmp_path)), AT, AT + timedelta(days=1))
    assert rows.collect()["label"].to_list() == [0.0]


@pytest.mark.parametrize("later", [AT + timedelta(hours=2), AT.replace(year=2999)])
def test_what_was_told_later_leaves_what_was_known_before(later: datetime, tmp_path: Path) -> None:
    parquet(tmp_path / "b.parquet", ("a", 0.0, later), ("a", 1.0, AT), ("b", 1.0, later))
    rows = known(scan(str(tmp_path)), AT, AT + timedelta(hours=1)).collect()
    assert rows.rows() == [("a", 1.0, AT)]


def test_outcomes_that_are_not_known_yet_may_be_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format("a,,\nb,1,2013-07-01T12:00:00Z"))
    assert scan(str(tmp_path)).collect()["prediction_id"].to_list() == ["b"]


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert scan(str(tmp_path / "nowhere")).collect().rows() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prediction_id,label\na,1\n", "has no column labelled_at"),
        (CSV.format("a,2,2013-07-01T12:00:00Z"), "the label of a is 2, not 0 or 1"),
        (CSV.format("a,late,2013-07-01T12:00:00Z"), "cannot be read"),
        (CSV.format("a,1,yesterday"), "cannot be read"),
        ("", "cannot be read: empty CSV"),
        (CSV.format("a,1"), "a has a label and no labelled_at. Is the file still being written"),
    ],
)
def test_what_is_no_outcome_is_refused_and_its_file_named(
    tmp_path: Path, text: str, message: str
) -> None:
    parquet(tmp_path / "good.parquet", ("b", 1.0, AT))
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as refused:
        scan(str(tmp_path))
    assert str(tmp_path / "a.csv") in str(refused.value)


def test_a_line_that_is_half_written_is_refused_and_its_file_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prediction_id": "a", "label": 1, "labelled_at": "2013-0')
    with pytest.raises(ValueError, match=r"a\.jsonl cannot be read"):
        scan(str(tmp_path))


@pytest.mark.parametrize("moment", ["2013-07-01T12:00:00", "2013-07-01 12:00:00.5", "2013-07-01"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_without_its_offset_is_refused(tmp_path: Path, kind: str, moment: str) -> None:
    outcome = {"prediction_id": "a", "label": 1, "labelled_at": moment}
    text = CSV.format(f"a,1,{moment}") if kind == "csv" else json.dumps(outcome)
    (tmp_path / f"a.{kind}").write_text(text)
    with pytest.raises(ValueError, match="of a must be a time with its UTC offset"):
        scan(str(tmp_path))


def test_a_time_without_its_offset_is_refused(tmp_path: Path) -> None:
    naive = pl.DataFrame({"prediction_id": ["a"], "label": [1.0], "labelled_at": [AT]})
    naive.with_columns(pl.col("labelled_at").dt.replace_time_zone(None)).write_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.raises(ValueError, match="must be a time with its UTC offset"):
        scan(str(tmp_path))


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("text")
    with pytest.raises(ValueError, match="cannot be read"):
        scan(str(tmp_path)).collect()
