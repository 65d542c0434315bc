"""A process that is killed while it writes leaves a log in which nothing is wrong but its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from __package__.audit.verify import verify
from __package__.model_folder import ModelFolder

from .conftest import MakeLog, batch, entries, lines, scored

WRITER = """
import os, pathlib, signal, sys
from __package__.audit.observer import AuditLog
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
sys.path.insert(0, {tests!r})
from audit.conftest import batch, scored

write, sync, left, when = os.write, os.fsync, int(sys.argv[1]), sys.argv[2]


def deadly_write(file, data):
    global left
    segments = pathlib.Path(os.environ["SERVICE_AUDIT_DIR"]).glob("*")
    if os.fstat(file).st_ino not in [path.stat().st_ino for path in segments]:
        return write(file, data)
    left -= 1
    if left < 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    if left < 0 and when == "amid":
        write(file, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, data)


def deadly_sync(file):
    if left < 0 and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return sync(file)


os.write, os.fsync = deadly_write, deadly_sync
log = AuditLog(Settings(), ModelFolder(pathlib.Path(sys.argv[3])), [])
for number in range(100):
    log.observe(batch(scored(number=number)))
    write(1, b"%d\\n" % number)
"""
"""Records calls, says which are on the disk, and kills itself at one of its writes."""


def killed(folder: Path, model: Path, writes: int, when: str) -> list[int]:
    """Run the writer; the calls of which it said that they are recorded."""
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-c", WRITER.format(tests=tests), str(writes), when, str(model)],
        env=os.environ
        | {
            "SERVICE_AUDIT_DIR": str(folder),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize("when", ["before", "amid", "after"])
def test_what_was_said_to_be_recorded_is_there_and_the_next_chain_names_the_end(
    make_log: MakeLog, tmp_path: Path, small_model: ModelFolder, when: str
) -> None:
    folder = tmp_path / "log"
    said = killed(folder, small_model.path, 5, when)
    assert said == list(range(5))
    is_torn = not b"".join(lines(folder)).endswith(b"\n")
    assert is_torn == (when == "amid")
    report = verify(folder)
    assert not report.findings
    assert any("has no end" in note for note in report.notes)
    assert any("no whole entry" in note for note in report.notes) == is_torn
    log = make_log()
    log.observe(batch(scored(number=200)))
    log.close()
    report = verify(folder)
    assert not report.findings
    torn, whole = report.chains
    assert whole.begun is not None
    [follows] = whole.begun.follows
    assert (follows.chain, follows.n, follows.hash) == (torn.chain, torn.n, torn.hash)
    assert bool(follows.torn) == is_torn
    recorded = [entry["request"] for entry in _whole(folder) if entry["kind"] == "answered"]
    assert recorded[: len(said)] == [f"request{number}" for number in said]


def _whole(folder: Path) -> list[dict[str, object]]:
    for path in folder.glob("*.jsonl"):
        path.write_bytes(path.read_bytes().rpartition(b"\n")[0] + b"\n")
    return entries(folder)
