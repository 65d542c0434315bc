"""Receipts say that something was erased, and not whom it was about."""

import json
from pathlib import Path

import pytest

from __package__.erasure.receipts import FILE_NAME, Receipts, hashed


def test_a_receipt_names_nobody_and_is_found_by_the_id(tmp_path: Path) -> None:
    receipts = Receipts(str(tmp_path), "SERVICE_PREDICTION_LOG")
    receipts.append("began", ["secret-1", "secret-2"])
    receipts.append("ended", ["secret-1", "secret-2"], {"SERVICE_PREDICTION_LOG": 3})
    text = (tmp_path / FILE_NAME).read_text()
    assert "secret" not in text
    began, ended = (json.loads(line) for line in text.splitlines())
    assert (began["event"], ended["event"]) == ("began", "ended")
    assert ended["rows"] == {"SERVICE_PREDICTION_LOG": 3}
    assert receipts.erased() == {hashed("secret-1"), hashed("secret-2")}


def test_a_line_that_a_machine_could_not_finish_spoils_no_other(tmp_path: Path) -> None:
    receipts = Receipts(str(tmp_path), "SERVICE_PREDICTION_LOG")
    receipts.append("began", ["a"])
    path = tmp_path / FILE_NAME
    with path.open("ab") as file:
        file.write(path.read_bytes()[:20])
    receipts.append("began", ["b"])
    assert receipts.erased() == {hashed("a"), hashed("b")}


def test_before_the_first_erasure_nothing_was_erased(tmp_path: Path) -> None:
    assert Receipts(str(tmp_path / "nothing"), "SERVICE_PREDICTION_LOG").erased() == set()


def test_two_erasures_do_not_meet(tmp_path: Path) -> None:
    receipts = Receipts(str(tmp_path), "SERVICE_PREDICTION_LOG")
    second = Receipts(str(tmp_path), "SERVICE_PREDICTION_LOG")
    with receipts.alone(), pytest.raises(BlockingIOError), second.alone():
        pass
    with second.alone():
        pass
