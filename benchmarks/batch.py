# /// script
# requires-python = ">=3.11"
# ///
"""A generated batch service against its model alone, in one run; its memory; and a kill -9 in the middle.

    python benchmarks/batch.py SERVICE      a generated folder (`-d serving=batch`), set up and trained

The model alone gets features that lie in memory, on all cores, from a thread for each. The job reads files, checks
every value, looks features up, scores, writes, hashes and publishes; its time is that of the whole process. Both take
turns, so that a busy neighbour hurts them alike; the table shows medians, ratios taken within a round.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

DAY = "2013-07-01"

MAKE_INPUT = """
import sys
import polars as pl
from PACKAGE.domain import data, sample

folder, count = sys.argv[1], int(sys.argv[2])
rows = sample.rows(data.PERIOD.start, data.PERIOD.end)
# All on the day that is scored: rows of another one are quarantined.
times = pl.selectors.datetime()
day = pl.col(rows.select(times).columns[0]).dt.truncate("1d")
rows = rows.with_columns(times + (pl.lit(DAY).str.to_datetime(time_zone="UTC") - day))
# Shuffled, so that no part is easier to score or to compress than another.
rows = rows.sample(min(count, 1_000_000), with_replacement=True, shuffle=True, seed=0).drop("key")
many = pl.concat([rows.lazy()] * -(-count // len(rows))).head(count).with_row_index("key")
many = many.with_columns(pl.format("{}-{}", "key", "carrier" if "carrier" in rows.columns else "key").alias("key"))
many.sink_parquet(f"{folder}/rows.parquet")
many.with_columns(times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).sink_csv(f"{folder}/rows.csv")
"""

MODEL_ALONE = """
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
import numpy as np
from PACKAGE.batch import source
from PACKAGE.batch.cores import cores
from PACKAGE.batch.frame_encoder import FrameEncoder
from PACKAGE.settings import read_settings
from PACKAGE.wiring import build_service

settings = read_settings()
service = build_service(settings)
files = source.find(settings.input, date.today(), service.signature, ())
seen = []
service.scorer._predictor = type("Seen", (), {
    "version": "", "predict": lambda self, features: (seen.append(features), np.zeros(len(features), np.float32))[1]
})()
predictor = build_service(settings).scorer._predictor
for part in source.plan(files, settings.rows_per_part):
    frame, _, _ = source.read(files[0], part)
    service.scorer.score(FrameEncoder(service.signature.inputs, False).encode(frame)[0])
    if len(seen) == int(sys.argv[1]):
        break
with ThreadPoolExecutor(cores()) as pool:
    list(pool.map(predictor.predict, seen[: cores()]))
    started = time.perf_counter()
    list(pool.map(predictor.predict, seen))
    print(sum(map(len, seen)) / (time.perf_counter() - started))
"""


@dataclass
class Runs:
    """What one way of scoring did, round by round."""

    name: str
    rows_per_s: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)


class Service:
    """The generated service and its command."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder.absolute()
        self.package = next((self.folder / "src").glob("*/score.py")).parent.name
        self.python = str(self.folder / ".venv" / "bin" / "python")
        self.scratch = scratch

    def script(self, text: str, *arguments: object, **settings: object) -> str:
        """What a script in the service's environment prints."""
        code = text.replace("PACKAGE", self.package).replace("DAY", repr(DAY))
        command = [self.python, "-c", code, *map(str, arguments)]
        environment = self.environment(settings)
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self, source: Path, output: Path) -> "subprocess.Popen[bytes]":
        """Begin a run of the job."""
        command = [self.python, "-m", f"{self.package}.score", "--date", DAY]
        environment = self.environment({"input": source, "output": output})
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, source: Path, output: Path) -> tuple[float, float]:
        """Seconds of a whole run, and the most memory it held, in MB."""
        shutil.rmtree(output, ignore_errors=True)
        started = time.perf_counter()
        process = self.start(source, output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"the run over {source} ended with exit code {process.returncode}")
        return time.perf_counter() - started, usage.ru_maxrss / 1024

    def environment(self, settings: dict[str, object]) -> dict[str, str]:
        given = {f"SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
        given |= {"SERVICE_MODEL_DIR": str(self.folder / "model"), "PYTHONPATH": str(self.folder / "src")}
        # As in the image, Python keeps the bytecode it has compiled: a start that compiles anew takes seconds more.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, **given}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", type=Path, help="a generated service with a trained model")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the input")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    options = parser.parse_args()
    if not (options.service / "model" / "signature.json").exists() or not list(options.service.glob("src/*/score.py")):
        sys.exit(f"{options.service} holds no trained batch service: generate one with serving=batch, `make train`")
    with tempfile.TemporaryDirectory(prefix="batch-") as name:
        scratch = Path(name)
        service = Service(options.service, scratch)
        small, large = scratch / "small", scratch / "large"
        for folder, rows in ((small, options.rows // 10), (large, options.rows)):
            folder.mkdir()
            tell(f"writing {rows:,} rows as parquet and CSV")
            service.script(MAKE_INPUT, folder, rows)
        print(speed(service, large, options.rows, options.rounds))
        print(memory(service, small, large, options.rows))
        print(killed(service, large / "rows.parquet"))


def speed(service: Service, folder: Path, rows: int, rounds: int) -> str:
    alone, jobs = Runs("the model alone, from memory"), [Runs("the job, parquet"), Runs("the job, CSV")]
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        chunks = min(32, -(-rows // 65536))
        alone.rows_per_s.append(float(service.script(MODEL_ALONE, chunks, input=folder / "rows.parquet")))
        for job, kind in zip(jobs, ("parquet", "csv"), strict=True):
            seconds, peak = service.run(folder / f"rows.{kind}", service.scratch / "out")
            job.rows_per_s.append(rows / seconds)
            job.peak_mb.append(peak)
        # The model is timed on both sides of the jobs: a neighbour that comes or goes is in both.
        alone.rows_per_s[-1] += float(service.script(MODEL_ALONE, chunks, input=folder / "rows.parquet"))
        alone.rows_per_s[-1] /= 2
        for job in jobs:
            job.ratios.append(job.rows_per_s[-1] / alone.rows_per_s[-1])
    lines = [f"| {rows:,} rows | rows/s | share of the model alone |", "|---|--:|--:|"]
    lines.append(f"| {alone.name} | {statistics.median(alone.rows_per_s):,.0f} | 100 % |")
    for job in jobs:
        share, low, high = (100 * of(job.ratios) for of in (statistics.median, min, max))
        rate = statistics.median(job.rows_per_s)
        lines.append(f"| {job.name} | {rate:,.0f} | {share:.0f} % ({low:.0f} to {high:.0f} %) |")
    return "\n".join(lines) + "\n"


def memory(service: Service, small: Path, large: Path, rows: int) -> str:
    lines = [f"| peak memory | {rows // 10:,} rows | {rows:,} rows |", "|---|--:|--:|"]
    for kind in ("parquet", "csv"):
        tell(f"memory, {kind}")
        peaks = [service.run(folder / f"rows.{kind}", service.scratch / "out")[1] for folder in (small, large)]
        lines.append(f"| {kind} | {peaks[0]:,.0f} MB | {peaks[1]:,.0f} MB |")
    return "\n".join(lines) + "\n"


def killed(service: Service, source: Path) -> str:
    """Kill the job twice in the middle of its work, let it finish, and compare every byte."""
    tell("kill -9 in the middle")
    whole, output = service.scratch / "whole", service.scratch / "killed"
    seconds, _ = service.run(source, whole)
    parts = json.loads((whole / f"date={DAY}" / "manifest.json").read_text())["parts"]
    done = []
    for share in (1 / 3, 2 / 3):
        process = service.start(source, output)
        while process.poll() is None and finished(output) < share * len(parts):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done.append(finished(output))
    started = time.perf_counter()
    if service.start(source, output).wait():
        sys.exit("the run after the kills failed")
    last = time.perf_counter() - started
    is_same = contents(whole / f"date={DAY}") == contents(output / f"date={DAY}")
    verdict = "the same, byte for byte" if is_same else "NOT THE SAME"
    return (
        f"Killed twice (kill -9), with {done[0]} and {done[1]} of {len(parts)} parts done; the third start took"
        f" {last:.0f} s, an undisturbed run {seconds:.0f} s. All files are {verdict}."
    )


def finished(output: Path) -> int:
    """How many parts of a run that goes on, or was killed, have their record."""
    return len(list(output.glob(".versions/*/*.partial/.records/part-*.json")))


def contents(folder: Path) -> dict[str, bytes]:
    folder = folder.resolve()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
