"""The file of those who may call: what it may hold, who may read it, how it is replaced."""

import json
import stat
from datetime import date
from pathlib import Path

import pytest

from __package__.access.key_file import MOST_BYTES, digest, read, write

from .conftest import KEY, a_caller

ROW = {
    "name": "shop",
    "sha256": digest(KEY.encode()),
    "permissions": ["predict"],
    "requests_per_s": 10.0,
    "burst": 20,
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "callers.json"
    callers = [a_caller("app", "other", expires="2027-01-31"), a_caller("shop")]
    write(path, callers)
    assert list(read(path)) == callers
    assert read(path)[0].expires == date(2027, 1, 31)


def test_it_holds_no_key(path: Path) -> None:
    assert KEY not in path.read_text()


def test_nobody_may_call_is_an_answer(path: Path) -> None:
    write(path, [])
    assert read(path) == ()


def test_a_new_one_is_for_its_owner_and_one_that_is_replaced_keeps_its_mode(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    write(path, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_one_that_cannot_be_replaced_stays_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write(path, [])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([ROW | {"name": "The Shop"}], "$.callers[0].name"),
        ([ROW | {"sha256": KEY}], "$.callers[0].sha256"),
        ([ROW | {"sha256": ROW["sha256"].upper()}], "$.callers[0].sha256"),  # type: ignore[attr-defined]
        ([ROW | {"permissions": []}], "$.callers[0].permissions"),
        ([ROW | {"permissions": ["everything"]}], "$.callers[0].permissions[0]"),
        ([ROW | {"requests_per_s": 0}], "$.callers[0].requests_per_s"),
        ([ROW | {"burst": 0}], "$.callers[0].burst"),
        ([ROW | {"burst": True}], "$.callers[0].burst"),
        ([ROW | {"expires": "31.1.2027"}], "$.callers[0].expires"),
        ([ROW | {"key": KEY}], "unknown field `key`"),
        ([{"name": "shop"}], "$.callers[0]"),
        ([ROW, ROW | {"sha256": digest(b"other")}], "two callers with the name shop"),
        ([ROW, ROW | {"name": "app"}], "two callers with the sha256"),
        ("shop", "$.callers"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: Path, rows: object, what: str) -> None:
    path.write_text(json.dumps({"callers": rows}))
    with pytest.raises(ValueError, match=path.name) as found:
        read(path)
    assert what in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"callers": []} x', b'{"caller\xff": []}'])
def test_what_is_no_file_of_keys_is_refused(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(ValueError, match="is no file of keys"):
        read(path)


def test_no_more_is_read_than_a_list_of_callers_can_be(path: Path) -> None:
    path.write_bytes(b'{"callers": []}' + b" " * MOST_BYTES)
    with pytest.raises(ValueError, match="is larger than 1048576 bytes"):
        read(path)


def test_no_more_is_written_than_is_read(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="can hold no more callers"):
        write(path, [a_caller(f"caller-{number}") for number in range(5000)])
    assert path.read_bytes() == before


def test_one_that_everybody_may_write_is_refused(path: Path) -> None:
    path.chmod(0o666)
    with pytest.raises(ValueError, match=r"may write .*: chmod o-w it"):
        read(path)
