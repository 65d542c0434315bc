"""What the command says, and its exit codes."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from __package__.audit.__main__ import FOUND, MOST_SHOWN, WRONG, main
from __package__.columns import Encoder
from __package__.model_folder import ModelFolder
from __package__.observer import Scored

from .conftest import NOON, SECRET, SIGNATURE, MakeLog, batch, entries, scored

ROWS = [{"kind": "a", "size": 1.5}, {"kind": "b", "size": 0.1}]
ANSWER = [0.25, 0.1]


@pytest.fixture
def folder(
    make_log: MakeLog,
    tmp_path: Path,
    small_model: ModelFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A log of some calls, whose folder and model the settings name."""
    call = Scored(
        id="asked",
        request_id="trace",
        time=NOON.timestamp(),
        columns=Encoder(SIGNATURE.inputs).rows(ROWS),
        features=np.zeros((2, 1), np.float32),
        predictions=np.array(ANSWER, np.float32),
        version="v1",
        duration_s=0.0,
    )
    log = make_log()
    log.observe(batch(scored(), call, refused=3, dropped=4))
    log.close()
    monkeypatch.setenv("SERVICE_AUDIT_DIR", str(tmp_path / "log"))
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(small_model.path))
    return tmp_path / "log"


def given(tmp_path: Path, name: str, content: object) -> str:
    path = tmp_path / name
    path.write_text(json.dumps(content))
    return str(path)


def test_a_good_log_is_counted_and_its_heads_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify"]) == 0
    note, missing, head, summary = capsys.readouterr().out.splitlines()
    assert missing == "note: chains that are missing whole are shown by --heads alone"
    assert note.endswith("4 rows were answered without an entry (overload)")
    last = entries(folder)[-1]
    assert head.endswith(f":5:{last['hash']} closed")
    assert summary == (
        f"{folder}: 1 chains, 6 entries: 2 calls with 4 rows answered, 3 refused,"
        " 4 rows without an entry; 0 heads from elsewhere"
    )


def test_a_log_that_was_changed_ends_with_1_and_a_line_for_each_change(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b"request0", b"request1"))
    assert main(["verify", str(folder)]) == FOUND
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}:2: entry 1 was changed: its hash is of another content"
    assert said[-1] == f"{folder}: the log was changed: 1 findings"


def test_so_many_changes_are_told_and_no_more(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = folder.iterdir()
    path.write_bytes(path.read_bytes() + b"x\n" * 150)
    assert main(["verify"]) == FOUND
    said = capsys.readouterr().out.splitlines()
    assert said[MOST_SHOWN] == "and 50 more"


def test_heads_are_given_one_by_one_or_as_a_log(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main(["verify"])
    head = capsys.readouterr().out.splitlines()[2].split()[1]
    log = given(tmp_path, "service.log", {"message": "audit head", "head": head})
    assert main(["verify", "--head", head, "--heads", log]) == 0
    assert "; 2 heads from elsewhere" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(log).read_text()))
    [path] = folder.iterdir()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert main(["verify", "--heads", "-"]) == FOUND
    said = capsys.readouterr().out
    assert "ends with entry 2, but the log names its entry 5: entries 3 to 5 are removed" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--head", "17"], "'17' is no head, such as CHAIN:17:HASH or 17:HASH"),
        (["verify", "nowhere"], "nowhere holds no audit log"),
        (["verify", "--heads", "nowhere.log"], "[Errno 2] No such file or directory"),
        (["verify", "--key", "nowhere.key"], "[Errno 2] No such file or directory"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_done_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == WRONG
    assert capsys.readouterr().err.startswith(f"cannot look into the audit log: {sentence}")


@pytest.mark.parametrize(
    "arguments",
    [["--prediction-id", "asked-0"], ["--prediction-id", "asked-1"], ["--request-id", "trace"]],
)
def test_the_entry_of_a_prediction_or_a_request_is_shown(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", *arguments]) == 0
    [path] = folder.iterdir()
    shown, checked = capsys.readouterr().out.splitlines()
    where, _, line = shown.partition(": ")
    assert where == f"{path}:3"
    assert json.loads(line) == entries(folder)[2]
    assert checked == "entry: its hash fits"


def test_an_entry_that_was_changed_is_shown_as_such(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b'"rows":2', b'"rows":1'))
    assert main(["show", "--prediction-id", "asked-0"]) == FOUND
    assert "entry: changed, for its hash is not that of its content\n" in capsys.readouterr().out


def test_an_entry_that_was_written_anew_without_the_key_is_shown_as_changed(
    make_log: MakeLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    key.write_bytes(SECRET)
    log = make_log(key_file=key)
    log.observe(batch(scored(1)))
    log.close()
    show = ["show", str(tmp_path / "log"), "--prediction-id", "call0-0"]
    assert main(show) == 0
    assert "its hash fits; its mac was not checked" in capsys.readouterr().out
    assert main([*show, "--key", str(key)]) == 0
    assert "entry: its hash and its mac fit\n" in capsys.readouterr().out
    [path] = (tmp_path / "log").iterdir()
    mac = entries(tmp_path / "log")[1]["mac"]
    path.write_text(path.read_text().replace(mac, "0" * 64))
    assert main([*show, "--key", str(key)]) == FOUND
    assert "entry: changed, for its mac is not one of the key\n" in capsys.readouterr().out


@pytest.mark.parametrize("identity", ["asked-2", "asked", "trace", "call"])
@pytest.mark.usefixtures("folder")
def test_what_was_never_answered_has_no_entry(
    identity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--prediction-id", identity]) == FOUND
    assert capsys.readouterr().err.partition(";")[0].endswith(f"has no entry of {identity}")


@pytest.mark.usefixtures("folder")
def test_contents_are_compared_with_what_was_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = [
        *("--inputs", given(tmp_path, "rows.json", ROWS)),
        *("--predictions", given(tmp_path, "answer.json", ANSWER)),
    ]
    assert main(["show", "--prediction-id", "asked-0", *right]) == 0
    said = capsys.readouterr().out
    assert said.endswith("inputs: as recorded\npredictions: as recorded\n")
    answer = [{"prediction_id": f"asked-{row}", "p": value} for row, value in enumerate(ANSWER)]
    whole = given(tmp_path, "whole.json", {"model": "m", "predictions": answer})
    assert main(["show", "--prediction-id", "asked-0", "--predictions", whole]) == 0
    wrong = ["--inputs", given(tmp_path, "row.json", ROWS[0])]
    assert main(["show", "--prediction-id", "asked-0", *wrong]) == FOUND
    assert capsys.readouterr().out.endswith("inputs: not what was recorded\n")


@pytest.mark.usefixtures("folder")
def test_contents_that_cannot_be_compared_are_told(
    tmp_path: Path, small_model: ModelFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    seven = given(tmp_path, "seven.json", 7)
    assert main(["show", "--request-id", "trace", "--inputs", seven]) == WRONG
    assert "seven.json holds no rows: Expected" in capsys.readouterr().err
    assert main(["show", "--request-id", "trace", "--predictions", seven]) == WRONG
    assert "seven.json holds no answer, and no list of numbers: Ex" in capsys.readouterr().err
    small_model.model.write_bytes(b"another graph")
    rows = given(tmp_path, "rows.json", ROWS)
    assert main(["show", "--request-id", "trace", "--inputs", rows]) == WRONG
    assert "is not the model that" in capsys.readouterr().err


def test_with_a_key_it_takes_the_key_to_compare(
    make_log: MakeLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = tmp_path / "key"
    key.write_bytes(SECRET)
    log = make_log(key_file=key)
    log.observe(batch(scored(1)))
    log.close()
    arguments = ["show", str(tmp_path / "log"), "--prediction-id", "call0-0"]
    arguments += ["--predictions", given(tmp_path, "answer.json", [0.0])]
    assert main(arguments) == WRONG
    assert "name its file with --key" in capsys.readouterr().err
    monkeypatch.setenv("SERVICE_AUDIT_KEY_FILE", str(key))
    assert main(arguments) == 0
    assert main(["verify", str(tmp_path / "log")]) == 0
    assert "was not given" not in capsys.readouterr().out


def test_lines_that_are_no_entries_are_not_in_the_way(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = folder.iterdir()
    line = path.read_bytes().splitlines()[2]
    broken = line.replace(b'"rows":2', b'"rows":"')
    path.write_bytes(b"\n".join([b"asked", broken, line, b""]))
    assert main(["show", "--prediction-id", "asked-0"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}:3: ")
