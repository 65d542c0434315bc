"""The command that gives out keys and takes them back."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from __package__ import keys
from __package__.access.key_file import digest, read

Output = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "callers.json"


def run(file: Path, *arguments: str) -> int:
    """The exit code of the command."""
    command, *rest = arguments
    try:
        return keys.main([command, "--file", str(file), *rest])
    except SystemExit as end:
        return int(str(end.code))


def added(file: Path, capsys: Output, *arguments: str) -> str:
    """Add somebody; the key."""
    assert run(file, "add", *arguments) == 0
    return capsys.readouterr().out.strip()


def test_the_key_is_printed_and_its_hash_is_kept(file: Path, capsys: Output) -> None:
    key = added(file, capsys, "shop")
    assert len(key) == 43
    [caller] = read(file)
    assert (caller.name, caller.sha256) == ("shop", digest(key.encode()))
    assert caller.permissions == ("describe", "predict")
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_keys_differ(file: Path, capsys: Output) -> None:
    assert added(file, capsys, "shop") != added(file, capsys, "app")


def test_a_key_has_the_permissions_share_and_end_that_were_asked_for(
    file: Path, capsys: Output
) -> None:
    arguments = ["--permission", "predict", "--rate", "2.5", "--burst", "7"]
    added(file, capsys, "shop", *arguments, "--expires", "2999-01-31")
    [caller] = read(file)
    assert caller.permissions == ("predict",)
    assert (caller.requests_per_s, caller.burst) == (2.5, 7)
    assert caller.expires == date(2999, 1, 31)


def test_a_list_says_who_may_do_what_and_how_long(file: Path, capsys: Output) -> None:
    added(file, capsys, "shop", "--permission", "predict", "--rate", "2", "--expires", "2999-01-31")
    added(file, capsys, "app")
    rows = json.loads(file.read_text())
    rows["callers"][0]["expires"] = "2020-01-31"
    file.write_text(json.dumps(rows))
    assert run(file, "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "app: describe, predict; 50 requests/s, 100 at once; ended 2020-01-31",
        "shop: predict; 2 requests/s, 4 at once; until 2999-01-31",
    ]


def test_a_key_is_taken_back(file: Path, capsys: Output) -> None:
    added(file, capsys, "shop")
    added(file, capsys, "app")
    assert run(file, "remove", "shop") == 0
    assert [one.name for one in read(file)] == ["app"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "The Shop"], "'The Shop' is no name of a caller: give lower-case"),
        (["add", "shop"], "shop has a key in"),
        (["add", "app", "--rate", "0"], "must be a number above 0"),
        (["add", "app", "--rate", "nan"], "must be a number above 0"),
        (["add", "app", "--rate", "many"], "must be a number above 0, not many"),
        (["add", "app", "--rate", "fast"], "--rate"),
        (["add", "app", "--rate", "9999999"], "requests_per_s"),
        (["add", "app", "--burst", "0"], "burst"),
        (["add", "app", "--expires", "soon"], "soon is no day such as 2027-01-31"),
        (["add", "app", "--expires", "2020-01-31"], "2020-01-31 is over"),
        (["add", "app", "--permission", "all"], "--permission"),
        (["add"], "name"),
        (["remove", "app"], "has no caller app; it has shop"),
        (["lend", "app"], "lend"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    file: Path, capsys: Output, arguments: list[str], sentence: str
) -> None:
    added(file, capsys, "shop")
    before = file.read_bytes()
    assert run(file, *arguments) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert sentence in output.err
    assert file.read_bytes() == before


@pytest.mark.parametrize("command", [["list"], ["remove", "shop"]])
def test_a_file_that_is_not_there_is_named(file: Path, capsys: Output, command: list[str]) -> None:
    assert run(file, *command) == 2
    assert str(file) in capsys.readouterr().err


def test_a_broken_file_is_not_replaced(file: Path, capsys: Output) -> None:
    file.parent.mkdir()
    file.write_text("{")
    assert run(file, "add", "shop") == 2
    assert "is no file of keys" in capsys.readouterr().err
    assert file.read_text() == "{"


def test_keys_that_are_added_at_once_are_all_there(file: Path) -> None:
    names = [f"caller-{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as people:
        assert set(people.map(lambda name: run(file, "add", name), names)) == {0}
    assert {one.name for one in read(file)} == set(names)


def test_without_a_file_named_it_is_the_one_of_the_settings(
    file: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEYS_FILE", str(file))
    assert keys.main(["add", "shop"]) == 0
    assert [one.name for one in read(file)] == ["shop"]
    monkeypatch.delenv("SERVICE_KEYS_FILE")
    monkeypatch.chdir(file.parents[1])
    assert keys.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("shop: ")
