"""CSV in parts: every record is a row of exactly one part, or is named with its text."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from __package__.batch import delimited

NAMES = ["a", "b"]
FIELDS = st.text(st.sampled_from('x1 ,"\n\r;ä'), max_size=6)


def parts(path: Path, rows: int) -> tuple[list[dict[str, str | None]], list[tuple[int, str]]]:
    """All rows of a file that is read in parts, and the records that are none: place and reason."""
    found, wrong, before = [], [], 0
    for part in delimited.ranges(path, rows):
        frame, places, unreadable = delimited.read(path, part, delimited.header(path))
        assert sorted([*places.tolist(), *(line.row for line in unreadable)]) == list(
            range(part.rows)
        )
        found += frame.to_dicts()
        wrong += [(before + line.row, line.reason) for line in unreadable]
        before += part.rows
    return found, wrong


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.lists(st.tuples(FIELDS, FIELDS), max_size=12),
    st.integers(1, 5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_table_that_the_csv_module_writes_is_read_back(
    table: list[tuple[str, str]], rows: int, end: str, all_quoted: bool
) -> None:
    # A carriage return at the end of a line is part of its end, unless it stands in quotes.
    if not all_quoted:
        table = [(a.replace("\r", ""), b.replace("\r", "")) for a, b in table]
    buffer = io.StringIO()
    dialect = csv.unix_dialect if all_quoted else csv.excel
    writer = csv.writer(buffer, dialect, lineterminator=end)
    writer.writerows([NAMES, *table])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(buffer.getvalue().encode())
        found, wrong = parts(path, rows)
    assert not wrong
    assert [(row["a"] or "", row["b"] or "") for row in found] == table


def test_parts_do_not_depend_on_how_much_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f'{n},"x\n{n}"\n\n' for n in range(100)))
    whole = list(delimited.ranges(path, 7))
    monkeypatch.setattr(delimited, "BLOCK", 10)
    assert list(delimited.ranges(path, 7)) == whole
    assert sum(part.rows for part in whole) == 100


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("last", ["7,8", '"7","8"'])
def test_empty_lines_are_no_rows_wherever_they_stand(
    last: str, place: int, rows: int, end: str, tmp_path: Path
) -> None:
    lines = ["1,2", "3,4", "5,6", last]
    table = [*lines[:place], "", "", *lines[place:]]
    path = tmp_path / "table.csv"
    path.write_bytes("".join(line + end for line in ["a,b", *table]).encode())
    found, wrong = parts(path, rows)
    assert [row["a"] for row in found] == ["1", "3", "5", "7"]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "has 1 fields, the header 2"),
        (b"1,2,3", "has 3 fields, the header 2"),
        (b'1,x"y"', "has a quote where CSV has none"),
        (b'"x"y,2', "has a quote where CSV has none"),
        (b"1,\xff", "is not UTF-8"),
    ],
)
def test_a_record_that_is_no_row_is_named_and_the_others_are_read(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,2\n" + line + b"\n3,4")
    found, wrong = parts(path, 10)
    assert found == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert wrong == [(1, reason)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n1,"2\n3,4\n', "ends in the middle of a field: a quote was left open"),
        (b'a,b\n1,"2\n' + b"3,4\n" * 400_000, "was a quote left open?"),
    ],
)
def test_a_quote_that_is_left_open_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        list(delimited.ranges(path, 100))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (b'"1,2', b'"3,4', "has a quote where CSV has none"),
        (b'1,2"', b'3,4"', "has a quote where CSV has none"),
        (b'"1,2', b'3,4"', "has 1 fields, the header 2"),
    ],
)
def test_two_quotes_that_swallow_the_rows_between_them_are_refused(
    first: bytes, second: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n" + first + b"\n" + b"5,6\n" * 600 + second + b"\n" + b"7,8\n" * 50)
    message = f"the record at byte 4 covers 602 lines and {reason}: was a quote left open"
    with pytest.raises(ValueError, match=message):
        parts(path, 1000)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert parts(path, 10) == ([{"a": "1", "b": "2"}], [])


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,a\n")
    with pytest.raises(ValueError, match="has two columns 'a'"):
        delimited.header(path)
