"""What is recorded of a call, and what becomes of what cannot be."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec
import pytest

from __package__.audit import contents, observer
from __package__.audit.key import Key, digest
from __package__.audit.observer import AuditLog, model_of
from __package__.audit.verify import heads_in, verify
from __package__.deferred import Deferred
from __package__.gauges import Gauge, is_hindered
from __package__.logs import JsonFormatter
from __package__.model_folder import ModelFolder
from __package__.settings import Settings

from .conftest import SECRET, MakeLog, batch, entries, figures, lines, scored


def kinds(tmp_path: Path) -> list[str]:
    return [entry["kind"] for entry in entries(tmp_path / "log")]


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk that takes nothing more while the block runs."""

    def refuse(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        yield


def test_a_call_is_on_the_disk_when_it_was_observed(
    make_log: MakeLog, tmp_path: Path, small_model: ModelFolder, gauges: list[Gauge]
) -> None:
    call = scored(3)
    make_log().observe(batch(call, refused=2))
    begun, answered, refused = entries(tmp_path / "log")
    model = model_of(small_model)
    assert begun["model"] == {"name": "model", "version": "v1", "sha256": model.sha256}
    assert begun["chain"] in next((tmp_path / "log").iterdir()).name
    assert answered["time"] == "2013-07-01T12:00:00Z"
    assert answered["request"] == "request0"
    assert answered["ids"] == [["call0", 0, 2]]
    assert (answered["rows"], answered["version"]) == (3, "v1")
    assert answered["inputs"] == digest(contents.inputs(call.columns), None)
    assert answered["predictions"] == digest(contents.predictions(call.predictions), None)
    assert refused["reasons"] == {"invalid_input": 2}
    assert figures(gauges)["audit_entries_total"] == 2


def test_no_value_of_a_call_is_in_the_log(make_log: MakeLog, tmp_path: Path) -> None:
    make_log().observe(batch(scored(3)))
    assert b"77.5" not in b"".join(lines(tmp_path / "log"))
    assert b"size" not in b"".join(lines(tmp_path / "log"))


def test_the_caller_is_that_of_each_call(tmp_path: Path, small_model: ModelFolder) -> None:
    caller: ContextVar[str] = ContextVar("caller", default="")
    gauges: list[Gauge] = []
    settings = Settings().model_copy(update={"audit_dir": tmp_path / "log"})
    log = AuditLog(settings, small_model, gauges, caller)
    deferred = Deferred([log], gauges, waits=False)
    for number, name in enumerate(("shop", "app", "")):
        caller.set(name)
        deferred.scored(scored(number=number))
    deferred.close()
    answered = [entry for entry in entries(tmp_path / "log") if entry["kind"] == "answered"]
    assert [entry.get("caller", "") for entry in answered] == ["shop", "app", ""]


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_log_that_is_touched_while_it_is_written_shows_it_for_ever(
    how: str, make_log: MakeLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = make_log()
    for number in range(4):
        log.observe(batch(scored(number=number)))
    [path] = (tmp_path / "log").iterdir()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    for number in range(4, 6):
        log.observe(batch(scored(number=number)))
    log.close()
    assert log.touched == 1
    findings = verify(tmp_path / "log").findings
    assert any("while it was written" in finding for finding in findings)
    if how == "cut":
        assert any("entries 2 to 4 are removed" in finding for finding in findings)
    heads = [vars(record)["head"] for record in caplog.records if record.message == "audit head"]
    assert any(head.split(":")[1] == "4" for head in heads)


def test_a_file_in_the_place_of_the_next_one_stops_nothing(
    make_log: MakeLog, tmp_path: Path
) -> None:
    log = make_log(segment_mb=0)
    log.observe(batch(scored()))
    [path] = (tmp_path / "log").iterdir()
    taken = path.with_name(path.name.replace(".000001.", ".000002."))
    taken.write_text("somebody else's")
    for number in range(1, 3):
        log.observe(batch(scored(number=number)))
    log.close()
    assert log.overdue_s() == 0
    assert taken.read_text() == "somebody else's"
    taken.unlink()
    assert kinds(tmp_path).count("answered") == 3


def test_the_version_that_answered_is_what_is_recorded(make_log: MakeLog, tmp_path: Path) -> None:
    make_log().observe(batch(scored(), scored(number=1, version="challenger")))
    versions = [entry.get("version") for entry in entries(tmp_path / "log")]
    assert versions == [None, "v1", "challenger"]


def test_who_has_the_key_alone_can_guess_at_a_digest(make_log: MakeLog, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(SECRET)
    call = scored(1)
    make_log(key_file=path).observe(batch(call))
    [begun, answered] = entries(tmp_path / "log")
    key = Key(SECRET)
    assert begun["key"] == key.name
    assert answered["inputs"] == digest(contents.inputs(call.columns), key)
    assert SECRET not in b"".join(lines(tmp_path / "log"))
    assert not verify(tmp_path / "log", [key]).findings


def test_the_end_is_an_entry_and_who_was_asked_nothing_writes_nothing(
    make_log: MakeLog, tmp_path: Path
) -> None:
    make_log().close()
    assert list((tmp_path / "log").iterdir()) == []
    log = make_log()
    log.observe(batch(scored()))
    log.close()
    assert kinds(tmp_path) == ["begun", "answered", "closed"]
    assert verify(tmp_path / "log").chains[0].is_closed


def test_rows_that_nobody_could_observe_are_a_gap(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log()
    deferred = Deferred([log], gauges, waits=False, every_s=3600, most_rows=10)
    deferred.flush()
    # Nobody observes meanwhile, however fast this machine is.
    monkeypatch.setattr(deferred, "_start", lambda: None)
    for number in range(4):
        deferred.scored(scored(6, number))
    deferred.close()
    there = entries(tmp_path / "log")
    rows = sum(entry["rows"] for entry in there if entry["kind"] == "answered")
    [gap] = [entry for entry in there if entry["kind"] == "gap"]
    assert (gap["rows"], gap["why"]) == (24 - rows, "overload")
    assert figures(gauges)["audit_rows_lost_total"] == gap["rows"] > 0
    report = verify(tmp_path / "log")
    assert not report.findings
    assert any(f"{gap['rows']} rows were answered without an entry" in one for one in report.notes)


def test_what_cannot_be_written_is_kept_told_and_written_later(
    make_log: MakeLog,
    tmp_path: Path,
    gauges: list[Gauge],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = make_log()
    log.observe(batch(scored()))
    with no_room(monkeypatch), caplog.at_level(logging.ERROR):
        for number in (1, 2):
            log.observe(batch(scored(number=number)))
        assert figures(gauges)["audit_overdue_seconds"] > 0
    assert len(caplog.records) == 1
    assert f"the audit log in {tmp_path}/log cannot be written: [Errno 28]" in caplog.text
    assert len(entries(tmp_path / "log")) == 2
    log.observe(batch(scored(number=3)))
    requests = [entry.get("request") for entry in entries(tmp_path / "log")]
    assert requests == [None, "request0", "request1", "request2", "request3"]
    assert figures(gauges)["audit_overdue_seconds"] == 0
    assert figures(gauges)["audit_rows_lost_total"] == 0


def test_it_is_tried_again_though_nothing_more_is_asked(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "RETRY_S", 0.05)
    log = make_log()
    with no_room(monkeypatch):
        log.observe(batch(scored()))
    deadline = time.monotonic() + 5
    while not lines(tmp_path / "log"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_too_much_to_keep_the_rest_becomes_a_gap(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MOST_BYTES_HELD", 500)
    log = make_log()
    with no_room(monkeypatch):
        for number in range(5):
            log.observe(batch(scored(number=number)))
    lost = figures(gauges)["audit_rows_lost_total"]
    assert lost > 0
    log.observe(batch())
    log.close()
    assert kinds(tmp_path)[-2:] == ["gap", "closed"]
    rows = [entry.get("rows", 0) for entry in entries(tmp_path / "log")]
    assert sum(rows) == 10
    assert rows[-2] == lost


def test_a_call_that_no_entry_can_be_made_of_is_a_gap_and_the_others_are_recorded(
    make_log: MakeLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nothing: Any = {"size": "no column"}
    strange = msgspec.structs.replace(scored(number=1), columns=nothing)
    log = make_log()
    log.observe(batch(scored(), strange, scored(number=2)))
    assert kinds(tmp_path) == ["begun", "answered", "answered", "gap"]
    assert entries(tmp_path / "log")[-1]["why"] == "defect"
    assert "an answer has no entry in the audit log" in caplog.text


def test_while_answers_cannot_be_recorded_the_service_is_not_ready(
    make_log: MakeLog, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log(patience_s=0.0)
    log.observe(batch(scored()))
    assert not is_hindered(gauges)
    with no_room(monkeypatch):
        log.observe(batch(scored(number=1)))
        assert is_hindered(gauges)
    log.observe(batch())
    assert not is_hindered(gauges)


def test_a_disk_that_never_answers_hinders_as_one_that_refuses(
    make_log: MakeLog, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answer = threading.Event(), threading.Event()

    def hang(_file: int) -> None:
        begun.set()
        answer.wait(10)

    log = make_log(patience_s=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", hang)
        observing = threading.Thread(target=log.observe, args=[batch(scored())])
        observing.start()
        assert begun.wait(10)
        assert is_hindered(gauges)
        answer.set()
        observing.join()
    assert not is_hindered(gauges)


def test_a_short_failure_or_a_log_that_is_not_required_hinders_nobody(
    make_log: MakeLog, gauges: list[Gauge], monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, idle = make_log(patience_s=3600.0), make_log(patience_s=0.0, required=False)
    with no_room(monkeypatch):
        patient.observe(batch(scored()))
        idle.observe(batch(scored()))
        assert not is_hindered(gauges)


def test_what_cannot_be_written_at_the_end_is_told(
    make_log: MakeLog,
    gauges: list[Gauge],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = make_log()
    with no_room(monkeypatch):
        log.observe(batch(scored(3)))
        log.close()
    assert "the audit log ends without its last entries" in caplog.text
    assert figures(gauges)["audit_rows_lost_total"] == 3


def test_a_file_that_somebody_touches_is_counted_and_told_each_time(
    make_log: MakeLog, tmp_path: Path, gauges: list[Gauge], caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log()
    for number in range(2):
        log.observe(batch(scored(number=number)))
        newest = max((tmp_path / "log").glob("*.jsonl"))
        newest.write_bytes(newest.read_bytes() + b"{}\n")
        log.observe(batch(scored(number=number + 10)))
    log.observe(batch())
    assert figures(gauges)["audit_touched_total"] == 2
    assert caplog.text.count("was changed by somebody else while it was written") == 2
    report = verify(tmp_path / "log")
    assert len([finding for finding in report.findings if "has changed" in finding]) == 2
    assert sum(chain.calls for chain in report.chains) == 4


def test_a_folder_that_takes_no_files_is_refused_at_the_start(
    make_log: MakeLog, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot be written: SERVICE_AUDIT_DIR: .*file"):
        make_log(dir=tmp_path / "file" / "log")


def test_a_folder_that_takes_no_files_is_told_where_answers_count_more(
    make_log: MakeLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    make_log(dir=tmp_path / "file" / "log", required=False)
    assert "the service answers all the same" in caplog.text


def test_a_folder_without_rights_is_refused_at_the_start(
    make_log: MakeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=f"SERVICE_AUDIT_DIR={tmp_path}/log takes no files"):
        make_log()


def test_a_candidate_that_answers_nobody_records_nothing_and_says_so(
    small_model: ModelFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"audit": False, "audit_dir": tmp_path / "log", "audit_key_file": tmp_path / "none"}
    settings = Settings().model_copy(update=changes)
    log = AuditLog(settings, small_model, [])
    log.observe(batch(scored()))
    log.close()
    assert not (tmp_path / "log").exists()
    assert "nothing that is answered is recorded: SERVICE_AUDIT is off" in caplog.text


def heads(caplog: pytest.LogCaptureFixture) -> list[str]:
    told = [JsonFormatter().format(record) for record in caplog.records]
    return [f"{head.chain}:{head.n}" for head in heads_in(told, "the log")]


def test_the_head_is_told_at_the_beginning_at_the_end_and_where_a_file_is_full(
    make_log: MakeLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log()
    monkeypatch.setattr(log._chain, "_most_bytes", 1500)
    with caplog.at_level(logging.INFO):
        for number in range(8):
            log.observe(batch(scored(number=number)))
        log.close()
    told = heads(caplog)
    name = log._chain.name
    assert told[0] == f"{name}:1"
    assert told[-1] == f"{name}:9"
    assert 3 <= len(told) < 9


def test_the_head_is_told_after_some_time_if_something_was_recorded(
    make_log: MakeLog, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log(head_every_s=0.02)
    with caplog.at_level(logging.INFO):
        for number in range(3):
            log.observe(batch(scored(number=number)))
        deadline = time.monotonic() + 5
        while heads(caplog)[-1:] != [f"{log._chain.name}:3"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        known = len(heads(caplog))
        time.sleep(0.1)
    assert len(heads(caplog)) == known


def test_rows_of_a_large_call_take_one_entry(make_log: MakeLog, tmp_path: Path) -> None:
    ids = [*(f"day-{row}" for row in range(1, 5001) if row != 7), "x"]
    make_log().observe(batch(msgspec.structs.replace(scored(5000), ids=ids)))
    [_, answered] = entries(tmp_path / "log")
    assert answered["ids"] == [["day", 1, 6], ["day", 8, 5000], "x"]
