"""A process that is killed leaves files that are whole, and loses seconds of its log."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl

WRITER = """
import os, pathlib, signal, sys, time
from __package__.deferred import Deferred
from __package__.prediction_log.observer import PredictionLog
from __package__.settings import Settings
sys.path.insert(0, {tests!r})
from prediction_log.conftest import SIGNATURE, scored

replace, left = pathlib.Path.replace, int(sys.argv[1])


def deadly(path, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)


pathlib.Path.replace = deadly
every_s = float(sys.argv[2])
log = Deferred([PredictionLog(SIGNATURE, Settings(), [])], [], waits=False, every_s=every_s)
number = 0
while True:
    log.scored(scored(100, number))
    number += 100
    print(number, time.monotonic(), flush=True)
    time.sleep(0.01)
"""
"""Logs without an end, and kills itself before a file gets its name once too often."""

EVERY_S = 0.2
"""So long rows wait to be observed, and after that so long to be written:"""
FLUSH_S = 0.1


def test_killed_while_it_writes_it_has_lost_no_more_than_it_held(tmp_path: Path) -> None:
    files = 3
    tests = str(Path(__file__).parents[1])
    killed = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-c", WRITER.format(tests=tests), str(files), str(EVERY_S)],
        env=os.environ
        | {
            "SERVICE_PREDICTION_LOG": str(tmp_path),
            "SERVICE_PREDICTION_LOG_FLUSH_S": str(FLUSH_S),
            "SERVICE_PREDICTION_LOG_KEEP_DAYS": "36500",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    written = sorted(tmp_path.glob("date=*/*.parquet"))
    assert len(written) == files
    [scratch] = tmp_path.glob("date=*/.*")
    assert scratch.suffix != ".parquet"
    rows = sum(len(pl.read_parquet(path, hive_partitioning=False)) for path in written)
    told = [line.split() for line in killed.stdout.splitlines()]
    last = float(told[-1][1])
    old = [int(number) for number, moment in told if last - float(moment) > EVERY_S + 2 * FLUSH_S]
    assert rows >= max(old) > 0
