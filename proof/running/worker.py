"""A long-lived process that has imported the heavy libraries and forks for each test module.

The environment's Python runs it: `python -P worker.py LIBRARY...`; one JSON object a line comes in and goes out.
Importing is all that happens before a fork; threads are started in the child, by the first use.
"""

import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

# The engine, for as long as it takes to import what stands beside this file; services must not find it.
sys.path.insert(0, str(Path(__file__).parents[2]))
import pytest

from proof.running import tracing
from proof.running.plugin import Place, Plugin
from proof.running.results import Results
from proof.running.tree import Tree

del sys.path[0]

TAIL = 8000
POLL_S = 0.01
PR_SET_CHILD_SUBREAPER = 36
ALLOCATOR = "jemalloc_bg_thd"
"""Threads that give memory back, started now and then; jemalloc is prepared for forks that lose them."""
PROBE = "--probe"
"""Only tell which imports start threads."""


def main() -> None:
    """Serve jobs until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = sys.argv[1:]
    probing = names[:1] == [PROBE]
    culprits, changing = _preload(names[probing:])
    plugins = [point.load() for point in entry_points(group="pytest11")]
    _say(answers, {"culprits": culprits, "changing": changing})
    if probing:
        return
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        # Processes that a test leaves behind become children of this one, in whatever session they are.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for line in sys.stdin:
        _say(answers, run(json.loads(line), plugins))


def _preload(names: list[str]) -> tuple[list[str], list[str]]:
    """Import what can be imported.

    Told are those whose import started a thread, which a fork would lose, and those that changed the environment, which
    is put back: a service that does not import them must not find it.
    """
    culprits, changing = [], []
    for name in names:
        before, environment = _threads(), dict(os.environ)
        _import(name)
        if _threads() > before:
            culprits.append(name)
        if os.environ != environment:
            changing.append(name)
            os.environ.clear()
            os.environ.update(environment)
    return culprits, changing


def _threads() -> int:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return threading.active_count()
    names = []
    for task in tasks.iterdir():
        # A thread may end meanwhile.
        with suppress(OSError):
            names.append((task / "comm").read_text().strip())
    return sum(name != ALLOCATOR for name in names)


def _say(answers: Any, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _import(name: str) -> None:
    """Import as strictly as generated tests do; what warns or is not there is left to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Whatever a library raises, a test meets it again.
        with suppress(Exception):
            import_module(name)


def run(job: dict[str, Any], plugins: list[object]) -> dict[str, Any]:
    """Run one test module in a child of its own, and end all that it leaves behind.

    Where there is no Linux, processes that began a session of their own stay.
    """
    scratch = Path(job["scratch"])
    started = time.perf_counter()
    others = _children()
    child = os.fork()
    if not child:
        _child(job, plugins)
    try:
        status, hung = _wait(child, job["limit_s"])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _end(others)
    output = (scratch / "output").read_text(errors="replace") if (scratch / "output").exists() else ""
    result = {"passed": 0, "failed": 1, "skipped": [], "seconds": round(time.perf_counter() - started, 3)}
    complete = not hung and (scratch / "result").exists()
    if hung:
        output += f"\nThe module ran longer than {job['limit_s']:g} s and was ended."
    elif complete:
        result = json.loads((scratch / "result").read_text())
    else:
        output += f"\nThe process ended with status {os.waitstatus_to_exitcode(status)} and without a result."
    reads = (scratch / "reads").read_text(errors="surrogateescape").splitlines() if (scratch / "reads").exists() else []
    shown = output[-TAIL:] if result["failed"] else ""
    return {**result, "output": shown, "reads": reads, "complete": complete}


def _wait(child: int, limit_s: float) -> tuple[int, bool]:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status, False
        time.sleep(POLL_S)
    os.killpg(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1], True


def _children() -> set[int]:
    """Processes whose parent is this one; none where the system does not tell."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # It may have gone meanwhile; the name, in parentheses, may hold anything.
        with suppress(OSError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def _end(others: set[int]) -> None:
    """End every child but the others; the children of those that end become ours, and are next."""
    while left := _children() - others:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _child(job: dict[str, Any], plugins: list[object]) -> None:
    """Never returns: what libraries do at exit is no business of the worker's copy."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        scratch, service = Path(job["scratch"]), Path(job["service"])
        output = os.open(scratch / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        place = Place(service, service / "src", scratch, Path(job["shared"]))
        os.chdir(service)
        os.environ.update(tracing.environment(service, place.log, place.source))
        # As `python -m pytest` and an editable install have it.
        sys.path.insert(0, str(service))
        sys.path.append(str(place.source))
        for name in [name for name in sys.modules if name.partition(".")[0] == "proof"]:
            del sys.modules[name]
        tree = Tree({name: (row[0], row[1]) for name, row in job["files"].items()}, os.environ["PATH"])
        plugin = Plugin(place, service / job["module"], tree, Results(Path(job["results"]), job["base"]))
        options = ["-q", "-p", "no:cacheprovider", "--disable-plugin-autoload", f"--basetemp={scratch / 'tmp'}"]
        # Before the time is up, say where it goes.
        options += ["-o", f"faulthandler_timeout={job['limit_s'] / 2:.2f}"]
        # A proof is repeatable: hypothesis draws the same examples again.
        options += ["--hypothesis-seed=0"] if "hypothesis" in sys.modules else []
        ended = pytest.main([*options, job["module"]], plugins=[plugin, *plugins])
        result = plugin.result()
        if ended != pytest.ExitCode.OK and not (ended == pytest.ExitCode.NO_TESTS_COLLECTED and result["skipped"]):
            result["failed"] = max(1, result["failed"])
        partial = scratch / "partial"
        partial.write_text(json.dumps(result))
        partial.replace(scratch / "result")
        status = 0
    except BaseException:  # noqa: BLE001 - the last words of a child
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
