"""An erasure that is killed leaves whole files, and the same call goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from __package__.erasure.receipts import FILE_NAME

from .conftest import WriteLog, ids_of

pytestmark = pytest.mark.slow

DEADLY = """
import os, pathlib, signal, sys
from __package__ import erase

left = int(sys.argv[1])
name = sys.argv[2]
whole = getattr(pathlib.Path, name)


def deadly(path, *others, **more):
    global left
    if ".parquet" in path.name:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return whole(path, *others, **more)


setattr(pathlib.Path, name, deadly)
sys.exit(erase.main(sys.argv[3:]))
"""
"""Erases, and kills itself before a file is renamed or deleted once too often."""

FILES = 4


def run(left: int, name: str) -> int:
    ids = [part for number in range(FILES) for part in ("--prediction-id", f"go-{number}")]
    return subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-c", DEADLY, str(left), name, *ids, "--prediction-id", "alone"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    ).returncode


@pytest.mark.parametrize(("left", "name"), [(0, "replace"), (2, "replace"), (0, "unlink")])
def test_killed_at_a_file_it_has_lost_nothing_and_goes_on_there(
    write: WriteLog, left: int, name: str
) -> None:
    for number in range(FILES):
        write(f"keep-{number}", f"go-{number}", days_ago=number)
    write("alone", days_ago=9)
    kept = [f"keep-{number}" for number in range(FILES)]
    assert run(left, name) == -signal.SIGKILL
    found = ids_of("log")
    assert [one for one in found if one.startswith("keep")] == kept
    if name == "replace":
        assert sum(one.startswith("go") for one in found) == FILES - left
    assert run(1000, name) == 0
    assert ids_of("log") == kept
    events = [json.loads(line)["event"] for line in Path("log", FILE_NAME).read_text().splitlines()]
    assert events == ["began", "began", "ended"]
