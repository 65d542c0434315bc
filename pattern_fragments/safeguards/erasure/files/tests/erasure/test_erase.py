"""The command: what it erases, what it says, and what it leaves alone."""

import json
import threading
from pathlib import Path

import pytest

from __package__.erase import FAILED, main
from __package__.erasure.receipts import FILE_NAME, Receipts

from .conftest import WriteLog, ids_of

Shown = pytest.CaptureFixture[str]


def asked(*ids: str) -> list[str]:
    return [part for one in ids for part in ("--prediction-id", one)]


def receipts() -> list[dict[str, object]]:
    return [json.loads(line) for line in Path("log", FILE_NAME).read_text().splitlines()]


def test_the_predictions_that_are_asked_for_go_and_no_others(
    write: WriteLog, capsys: Shown
) -> None:
    write("a", "b", days_ago=3)
    write("b", "c")
    assert main(asked("b")) == 0
    assert ids_of("log") == ["a", "c"]
    assert capsys.readouterr().out.splitlines() == [
        "SERVICE_PREDICTION_LOG: 2 rows erased",
        "1 of 1 predictions: nothing is left in SERVICE_PREDICTION_LOG",
    ]
    assert [one["event"] for one in receipts()] == ["began", "ended"]
    assert receipts()[1]["rows"] == {"SERVICE_PREDICTION_LOG": 2}


def test_ids_come_from_a_file_too(write: WriteLog, tmp_path: Path) -> None:
    write("a", "b", "c")
    (tmp_path / "ids").write_text("a\n\n c \n")
    assert main(["--ids-file", str(tmp_path / "ids")]) == 0
    assert ids_of("log") == ["b"]


def test_what_was_erased_before_is_no_error_the_second_time(write: WriteLog) -> None:
    write("a", "b")
    assert [main(asked("a")), main(asked("a"))] == [0, 0]
    assert len(receipts()) == 2
    assert ids_of("log") == ["b"]


def test_an_erasure_that_was_killed_before_its_end_is_ended_by_the_next_call(
    write: WriteLog,
) -> None:
    write("a", "b")
    main(asked("a"))
    path = Path("log", FILE_NAME)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert main(asked("a")) == 0
    assert [one["event"] for one in receipts()] == ["began", "ended"]
    assert main(asked("a")) == 0
    assert len(receipts()) == 2


def test_an_unknown_id_is_told_and_the_known_ones_are_erased(
    write: WriteLog, capsys: Shown
) -> None:
    write("a", "b")
    assert main(asked("a", "x", "y")) == 1
    assert ids_of("log") == ["b"]
    said = capsys.readouterr()
    assert "1 of 3 predictions: nothing is left in SERVICE_PREDICTION_LOG" in said.out
    assert said.err.startswith("2 ids are in no log and were never erased (x, y): ")


def test_without_an_id_nothing_is_erased(write: WriteLog, capsys: Shown, tmp_path: Path) -> None:
    write("a")
    (tmp_path / "ids").write_text("\n")
    for name, sentence in (("ids", "no id is given"), ("none", "nothing was erased")):
        with pytest.raises(SystemExit):
            main(["--ids-file", str(tmp_path / name)])
        assert sentence in capsys.readouterr().err
    assert ids_of("log") == ["a"]


def test_beside_another_erasure_it_does_nothing(write: WriteLog, capsys: Shown) -> None:
    write("a")
    with Receipts("log", "SERVICE_PREDICTION_LOG").alone():
        assert main(asked("a")) == FAILED
    assert "another erasure is under way" in capsys.readouterr().err
    assert ids_of("log") == ["a"]


def test_a_log_that_cannot_be_read_is_told_and_nothing_is_begun(
    write: WriteLog, capsys: Shown
) -> None:
    write("a")
    [path] = Path("log").rglob("*.parquet")
    path.write_bytes(b"no parquet")
    assert main(asked("a")) == FAILED
    assert "the erasure is not complete, call for it again: log cannot be read" in (
        capsys.readouterr().err
    )
    assert not Path("log", FILE_NAME).exists()


@pytest.mark.slow
def test_beside_a_writer_no_row_of_anybody_else_is_lost(write: WriteLog) -> None:
    ended = threading.Event()
    written: list[str] = []

    def add() -> None:
        while not ended.is_set():
            number = len(written)
            write(f"keep-{number}", f"go-{number}", days_ago=number % 3)
            written.append(f"keep-{number}")

    writer = threading.Thread(target=add)
    writer.start()
    try:
        while len(written) < 60:
            first = max(0, len(written) - 20)
            some = range(first, len(written))
            main(asked(*(f"go-{number}" for number in some), "go-0"))
    finally:
        ended.set()
        writer.join()
    assert main(asked(*(f"go-{number}" for number in range(len(written))))) == 0
    assert ids_of("log") == sorted(written)
