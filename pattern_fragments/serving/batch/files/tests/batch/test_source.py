"""What may be given as input, and what is said of what may not."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from __package__.batch.figures import Figures
from __package__.batch.part import PartResult
from __package__.batch.run import run_day
from __package__.settings import Settings
from __package__.signature import Signature

from .conftest import DAY, Run, published, read

pytestmark = pytest.mark.slow

COMPARED = ("key", "source_row")


def write_csv(rows: pl.DataFrame, path: Path) -> None:
    """Times with their offset, as the signature's examples have them."""
    times = pl.selectors.datetime()
    rows.with_columns(times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(path)


def test_csv_and_parquet_give_the_same_predictions(
    run: Run, settings: Settings, signature: Signature, day_input: Path, rows: pl.DataFrame
) -> None:
    run()
    from_parquet = read(settings.output)
    day_input.unlink()
    write_csv(rows, day_input.with_suffix(".csv"))
    run()
    columns = [*COMPARED, signature.output.name]
    assert read(settings.output).select(columns).equals(from_parquet.select(columns))


@pytest.mark.parametrize("given", ["in", "in/*", "in/*.parquet", "in/b.parquet", "in/**/*.parquet"])
def test_a_file_a_folder_and_a_pattern_name_the_input(
    given: str, run: Run, settings: Settings, tmp_path: Path, rows: pl.DataFrame
) -> None:
    (tmp_path / "in").mkdir()
    rows[:300].write_parquet(tmp_path / "in" / "a.parquet")
    rows[300:].write_parquet(tmp_path / "in" / "b.parquet")
    (tmp_path / "in" / "_SUCCESS").touch()
    run(input=str(tmp_path / given))
    scored = read(settings.output).sort("source_file", "source_row")
    first = 300 if given.endswith("b.parquet") else 0
    assert scored["key"].to_list() == rows["key"][first:].to_list()


def test_ids_are_unique_over_files(
    run: Run, settings: Settings, tmp_path: Path, rows: pl.DataFrame
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        rows[:250].write_parquet(tmp_path / "in" / f"{name}.parquet")
    run()
    assert read(settings.output)["prediction_id"].n_unique() == 500


def no_file(_folder: Path, _rows: pl.DataFrame) -> None:
    pass


def a_column_less(folder: Path, rows: pl.DataFrame) -> None:
    rows.drop(rows.columns[1]).write_parquet(folder / "a.parquet")


def a_name_of_the_output(folder: Path, rows: pl.DataFrame) -> None:
    rows.rename({"key": "prediction_id"}).write_parquet(folder / "a.parquet")


def another_kind(folder: Path, _rows: pl.DataFrame) -> None:
    (folder / "a.json").touch()


def no_parquet(folder: Path, _rows: pl.DataFrame) -> None:
    (folder / "a.parquet").write_text("no parquet")


def no_header(folder: Path, _rows: pl.DataFrame) -> None:
    (folder / "a.csv").touch()


def two_kinds(folder: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(folder / "a.parquet")
    write_csv(rows, folder / "b.csv")


def other_columns(folder: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(folder / "a.parquet")
    rows.drop("key").write_parquet(folder / "b.parquet")


def no_rows(folder: Path, rows: pl.DataFrame) -> None:
    rows[:0].write_parquet(folder / "a.parquet")


def a_line_without_an_end(folder: Path, rows: pl.DataFrame) -> None:
    write_csv(rows, folder / "a.csv")
    (folder / "a.csv").write_bytes((folder / "a.csv").read_bytes()[:-20])


def test_a_page_that_is_damaged_stops_the_run_in_one_sentence(run: Run, day_input: Path) -> None:
    content = bytearray(day_input.read_bytes())
    content[4:40] = bytes(36)
    day_input.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(day_input))} cannot be read: "):
        run()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (no_file, "IN holds no input"),
        (a_column_less, "IN/a.parquet lacks the column 'INPUT', an input of the model"),
        (a_name_of_the_output, "IN/a.parquet has a column 'prediction_id', which the output adds"),
        (another_kind, "IN/a.json is neither .csv nor .parquet"),
        (no_parquet, "IN/a.parquet is no parquet file"),
        (no_header, "IN/a.csv has no header"),
        (two_kinds, "IN holds CSV and parquet files: give one kind of them"),
        (other_columns, "IN/b.parquet has other columns beside the inputs than IN/a.parquet"),
        (no_rows, "IN/a.parquet holds no rows"),
        (a_line_without_an_end, "IN/a.csv ends in the middle of a line and may be cut: "),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(
    prepare: Callable[[Path, pl.DataFrame], None],
    message: str,
    run: Run,
    tmp_path: Path,
    rows: pl.DataFrame,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    prepare(folder, rows)
    expected = message.replace("INPUT", rows.columns[1]).replace("IN", str(folder))
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}"):
        run()


def test_where_a_marker_is_asked_for_the_input_is_complete_when_it_is_there(
    run: Run, tmp_path: Path, rows: pl.DataFrame
) -> None:
    (tmp_path / "in").mkdir()
    path, marker = tmp_path / "in" / "rows.csv", tmp_path / "in" / f"_{DAY}"
    write_csv(rows, path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    asked = str(tmp_path / "in" / "_{date}")
    expected = f"{path.parent} is not complete yet: there is no {marker}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        run(input_marker=asked)
    marker.touch()
    assert run(input_marker=asked).scored == len(rows)


@pytest.mark.parametrize("verb", ["come", "gone", "changed"])
def test_input_that_changes_while_it_is_scored_is_not_published(
    verb: str, settings: Settings, day_input: Path, rows: pl.DataFrame
) -> None:
    changed = day_input.with_name("another.parquet") if verb == "come" else day_input

    class Meddling(Figures):
        """Hears of a part when it has been scored, and before anything is published."""

        def tell(self, result: PartResult) -> None:
            super().tell(result)
            if verb == "gone":
                changed.unlink()
            else:
                rows[:1].write_parquet(changed)

    one_part = settings.model_copy(update={"rows_per_part": len(rows)})
    with pytest.raises(ValueError, match=f"^{re.escape(str(changed))} has {verb} while "):
        run_day(one_part, DAY, again=False, figures=Meddling(one_part, DAY))
    assert not published(settings.output).exists()
