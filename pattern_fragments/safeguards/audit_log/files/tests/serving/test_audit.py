"""The audit log of a real server, from the answer to the check."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from __package__.audit.__main__ import main
from __package__.audit.verify import heads_in, verify
from __package__.model_folder import ModelFolder
from __package__.signature import Signature

from .conftest import Row, Server

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0

Start = Callable[..., Server]


def entries(folder: Path) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_every_answer_has_an_entry_that_proves_what_was_asked_and_answered(
    start: Start,
    row: Row,
    tmp_path: Path,
    model_folder: ModelFolder,
    signature: Signature,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = tmp_path / "log"
    server = start(audit_dir=log)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    rows = [row, row]
    answer = server.client.post("/predict", json=rows, headers=headers).json()
    server.client.post("/predict", json=row)
    server.client.post("/predict", json=row | {"surprise": 1})
    server.process.send_signal(signal.SIGTERM)
    said, _ = server.process.communicate(timeout=10)
    heads = list(heads_in(said.splitlines(), "the log"))
    assert heads
    report = verify(log, heads=heads)
    assert not report.findings
    [chain] = report.chains
    assert (chain.is_closed, chain.calls, chain.rows, chain.refused) == (True, 2, 3, 1)
    [entry] = [entry for entry in entries(log) if entry.get("request") == trace]
    assert entry["version"] == answer["model_version"]
    asked, answered = tmp_path / "rows.json", tmp_path / "answer.json"
    asked.write_text(json.dumps(rows))
    values = [one[signature.output.name] for one in answer["predictions"]]
    answered.write_text(json.dumps(values))
    monkeypatch.setenv("SERVICE_AUDIT_DIR", str(log))
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(model_folder.path))
    identity = answer["predictions"][1]["prediction_id"]
    contents = ["--inputs", str(asked), "--predictions", str(answered)]
    assert main(["show", "--prediction-id", identity, *contents]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("inputs: as recorded\npredictions: as recorded\n")


def test_after_a_kill_the_next_process_names_the_chain_that_has_no_end(
    start: Start, row: Row, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    killed = start(audit_dir=log)
    killed.client.post("/predict", json=row)
    deadline = time.monotonic() + PATIENCE_S
    while not any(entry["kind"] == "answered" for entry in entries(log)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.process.kill()
    killed.process.wait()
    after = start(audit_dir=log)
    after.client.post("/predict", json=row)
    after.process.send_signal(signal.SIGTERM)
    after.process.communicate(timeout=10)
    report = verify(log)
    assert not report.findings
    without_end, whole = report.chains
    assert (without_end.is_closed, whole.is_closed) == (False, True)
    assert whole.begun is not None
    [follows] = whole.begun.follows
    assert (follows.chain, follows.n) == (without_end.chain, without_end.n)
