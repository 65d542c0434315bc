"""Outcomes go by the ids of their predictions or by their age, from every kind of file."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from __package__.erase import main
from __package__.erasure import outcome_files
from __package__.erasure.files import State, state_of
from __package__.erasure.outcome_files import OutcomeFiles
from __package__.erasure.place import Expired
from __package__.outcomes import scan
from __package__.retention import FAILED
from __package__.retention import main as retention

from .conftest import TODAY, WriteLog, ids_of

KINDS = (".parquet", ".csv", ".jsonl")
kinds = pytest.mark.parametrize("kind", KINDS)


def write(path: Path, days_ago: dict[str, int]) -> Path:
    """Outcomes of these predictions that were known so many days ago, with a column of others."""
    frame = pl.DataFrame(
        {
            "note": [f'about "{one}", and\nmore' for one in days_ago],
            "prediction_id": list(days_ago),
            "label": [1.0] * len(days_ago),
            "labelled_at": [TODAY - timedelta(days=days) for days in days_ago.values()],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
        return path
    text = frame.with_columns(pl.col("labelled_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    text.write_csv(path) if path.suffix == ".csv" else text.write_ndjson(path)
    return path


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_ndjson(path)


def known(where: Path | str) -> list[str]:
    return sorted(scan(str(where)).collect()["prediction_id"].to_list())


def place(where: Path | str) -> OutcomeFiles:
    return OutcomeFiles("SERVICE_OUTCOMES", str(where))


@kinds
def test_the_outcomes_of_predictions_go_and_the_others_stay_whole(
    tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / f"a{kind}", {"a": 0, "b": 1, "c": 2})
    assert place(tmp_path).holding({"b", "x"}) == {str(path): {"b"}}
    assert place(tmp_path).remove(str(path), {"b", "x"}) == 1
    assert known(path) == ["a", "c"]
    expected = write(tmp_path / "other" / f"b{kind}", {"a": 0, "c": 2})
    assert read(path).equals(read(expected))
    assert place(tmp_path / f"a{kind}").remove(str(path), {"b"}) == 0


@kinds
def test_a_file_without_an_outcome_left_goes(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"a{kind}", {"a": 0})
    assert place(tmp_path).remove(str(path), {"a"}) == 1
    assert not path.exists()


@kinds
def test_outcomes_are_kept_until_they_are_older_than_a_day(tmp_path: Path, kind: str) -> None:
    old = write(tmp_path / f"old{kind}", {"a": 40, "b": 31})
    mixed = write(tmp_path / f"mixed{kind}", {"c": 31, "d": 30, "e": 0})
    new = write(tmp_path / f"new{kind}", {"f": 30})
    before = TODAY.date() - timedelta(days=30)
    inode = new.stat().st_ino
    assert place(tmp_path).expire(before, dry_run=True) == Expired(1, 1)
    assert len(known(tmp_path)) == 6
    assert place(tmp_path).expire(before, dry_run=False) == Expired(1, 1)
    assert not old.exists()
    assert known(mixed) == ["d", "e"]
    assert new.stat().st_ino == inode
    assert place(tmp_path).expire(before, dry_run=False) == Expired(0, 0)


def test_the_day_is_that_of_utc(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prediction_id": 7, "labelled_at": "2013-07-01T23:30:00-04:00"}\n')
    assert place(tmp_path).expire(date(2013, 7, 2), dry_run=True) == Expired(0, 0)
    assert place(tmp_path).expire(date(2013, 7, 3), dry_run=True) == Expired(1, 0)
    assert place(tmp_path).holding({"7"}) == {str(path): {"7"}}


def test_blank_lines_are_no_outcomes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"a": 0, "b": 0})
    path.write_text("\n  \n" + path.read_text() + " \n")
    assert place(tmp_path).remove(str(path), {"a"}) == 1
    assert place(tmp_path).holding({"a", "b"}) == {str(path): {"b"}}


def test_a_broken_file_is_named_with_its_line_and_keeps_no_other_from_going(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prediction_id": "a"}\n{"prediction_id"\n')
    old = write(tmp_path / "b.csv", {"b": 400})
    with pytest.raises(ValueError, match=r"a\.jsonl cannot be read: line 2: "):
        place(tmp_path).expire(TODAY.date(), dry_run=False)
    assert not old.exists()


def test_a_file_keeps_its_rights(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"a": 0, "b": 0})
    path.chmod(0o600)
    place(tmp_path).remove(str(path), {"a"})
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_has_no_moment_is_as_old_as_the_last_change_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ("a,,", "b,1,2013-07-01T00:00:00Z", "c,1,2100-01-01T00:00:00Z")
    path.write_text("\n".join(["prediction_id,label,labelled_at", *rows]))
    changed = datetime(2014, 3, 1, 12, tzinfo=UTC).timestamp()
    os.utime(path, (changed, changed))
    outcomes = place(tmp_path)
    assert outcomes.expire(date(2014, 3, 1), dry_run=False) == Expired(0, 1)
    assert list(outcomes.holding({"a", "b", "c"}).values()) == [{"a", "c"}]
    # That others went has made it no younger.
    assert outcomes.expire(date(2014, 3, 2), dry_run=False) == Expired(0, 1)
    assert list(outcomes.holding({"a", "b", "c"}).values()) == [{"c"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "prediction_id,label\na,1\n"),
        ("a.csv", "prediction_id,label,labelled_at\na\n"),
        ("a.csv", "prediction_id,label,labelled_at\na,1,2013-07-01T00:00:00\n"),
        ("a.jsonl", '{"prediction_id": "a"'),
        ("a.jsonl", '{"prediction_id": "a", "labelled_at": "yesterday"}'),
        ("a.parquet", "no parquet"),
    ],
)
def test_a_file_that_is_none_of_outcomes_is_named_and_left_alone(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read: "):
        place(tmp_path).expire(date(2100, 1, 1), dry_run=False)
    with pytest.raises(ValueError, match=rf"{name} cannot be read: "):
        place(tmp_path).holding({"a"})
    assert (tmp_path / name).read_text() == content


def test_a_file_that_is_being_written_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", {"a": 0, "b": 0})
    content = path.read_bytes()
    states = iter(range(100))

    def changing(where: Path) -> State:
        return state_of(where)._replace(changed_ns=next(states))

    monkeypatch.setattr(outcome_files, "state_of", changing)
    with pytest.raises(OSError, match="is being written"):
        place(tmp_path).remove(str(path), {"a"})
    assert path.read_bytes() == content


def test_outcomes_in_an_object_store_have_to_be_parquet() -> None:
    outcomes = place("s3://bucket/outcomes.csv")
    with pytest.raises(ValueError, match="only outcomes in parquet can be erased"):
        outcomes.holding({"a"})
    with pytest.raises(ValueError, match="only outcomes in parquet can be erased"):
        outcomes.expire(TODAY.date(), dry_run=True)


def test_outcomes_that_cannot_be_deleted_keep_nothing_else(
    write_log: WriteLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log("old", days_ago=400)
    write_log("new")
    monkeypatch.setenv("SERVICE_OUTCOMES", "s3://bucket/outcomes.csv")
    assert retention([]) == FAILED
    assert "SERVICE_OUTCOMES: not all of it could be deleted: " in capsys.readouterr().err
    assert ids_of("log") == ["new"]


def test_the_commands_reach_the_outcomes(write_log: WriteLog, tmp_path: Path) -> None:
    write_log("a", "b")
    path = write(tmp_path / "data" / "outcomes" / "a.csv", {"a": 0, "b": 400, "c": 0})
    assert main(["--prediction-id", "a", "--prediction-id", "c"]) == 0
    assert known(path) == ["b"]
    assert ids_of("log") == ["b"]
    assert retention([]) == 0
    assert not path.exists()


@pytest.fixture(name="write_log")
def _write_log(request: pytest.FixtureRequest) -> WriteLog:
    found: WriteLog = request.getfixturevalue("write")
    return found
