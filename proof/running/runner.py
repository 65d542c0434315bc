"""Runs the tests of many generated services: a test module once for all services in which it reads the same files."""

import os
import platform
import re
import shutil
import sys
import threading
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from proof.running import environment
from proof.running.preload import forkable, imported_modules
from proof.running.results import Result, Results
from proof.running.tree import Tree, digest
from proof.running.workers import Worker, variables
from proof.services import Service

LIMIT_S = 300.0
FOLDER = environment.ROOT / "build" / "proof"
PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
SLOW = re.compile(rb"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)
# What a result depends on beside the files of a service and the libraries: how it was run and what was recorded.
MACHINERY = ("tracing.py", "watching.py", "tree.py", "plugin.py", "worker.py", "workers.py")


@dataclass(frozen=True)
class Outcome:
    """What became of one test module of one service."""

    service: Service
    module: str
    passed: int
    failed: int
    skipped: Sequence[tuple[str, str]]
    """Test and reason."""
    seconds: float
    reused: bool
    """Not run: another run read the same."""
    output: str
    """What pytest said of a failure, its end."""


def run_tests(
    services: Iterable[Service],
    folder: Path = FOLDER,
    workers: int = 2,
    *,
    limit_s: float = LIMIT_S,
    fresh: bool = False,
    slow_once: bool = False,
    preload: Sequence[str] | None = None,
    python: Path | None = None,
) -> list[Outcome]:
    """Run every test module of every service, in the order of the services; goes on where an interrupted run stopped.

    `fresh` runs everything again once; with `slow_once` a module that marks itself as slow runs only in the first
    service that has it. A worker imports `preload` once for all modules, by default what generated code
    imports; `python` is the interpreter of the proof's environment, by default brought up to date first.
    Raises WorkerError or EnvironmentLockError when that is not possible.
    """
    python = python or environment.python()
    folder = folder.resolve()
    if fresh:
        for name in ("results", "models"):
            shutil.rmtree(folder / name, ignore_errors=True)
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    common = base()
    names = imported_modules(environment.ROOT) if preload is None else list(preload)
    memory = folder / "forkable" / f"{digest(repr((common, names)).encode())}.json"
    names = names and forkable(names, python, variables(folder, path), memory)
    plan = _Plan(list(services), Results(folder / "results", common), path, slow_once)
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=len(plan.pending), unit="module", desc="generated tests", disable=None))
        started = [
            stack.enter_context(Worker(number, python, folder, path, names, limit_s, common))
            for number in range(workers)
        ]
        threads = [threading.Thread(target=_work, args=(plan, worker, bar), daemon=True) for worker in started]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if plan.error:
        raise plan.error
    return [outcome for _, outcome in sorted(plan.done.items())]


def base() -> str:
    """What every result depends on: the libraries, the Python, variables and the machinery that runs and records."""
    texts = [environment.LOCK.read_bytes(), sys.version.encode(), platform.platform().encode()]
    # Of the PATH counts what is looked for on it, which is recorded.
    texts += [repr(sorted(variables(Path(), path="").items())).encode()]
    texts += [Path(__file__).with_name(name).read_bytes() for name in MACHINERY]
    return digest(b"\0".join(texts))


@dataclass
class _Plan:
    """What is to do, what is under way and what is done; `change` guards it."""

    services: list[Service]
    results: Results
    path: str
    slow_once: bool
    change: threading.Condition = field(default_factory=threading.Condition)
    pending: list[tuple[int, str]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    done: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    ran: int = 0
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.trees = [Tree.of(service.files, self.path) for service in self.services]
        self.options = [_pytest_options(service.files) for service in self.services]
        self.pending = [(number, name) for number, service in enumerate(self.services) for name in _modules(service)]
        if self.slow_once:
            first = {(name, self.services[number].files[name]): number for number, name in reversed(self.pending)}
            self.pending = [
                (number, name)
                for number, name in self.pending
                if not SLOW.search(content := self.services[number].files[name]) or first[name, content] == number
            ]

    def subject(self, number: int, module: str) -> str:
        return f"{module} {self.options[number]}"

    def take(self, bar: "tqdm[Any]") -> tuple[int, str] | None:
        """The next module that has to run; None when there is none. Those with a result are done on the way.

        No module runs in two services at once: the first may spare the second.
        """
        with self.change:
            while self.pending and not self.error:
                place = next((place for place, (_, name) in enumerate(self.pending) if name not in self.running), None)
                if place is None:
                    self.change.wait()
                    continue
                number, module = self.pending.pop(place)
                result = self.results.find(self.subject(number, module), self.trees[number])
                if result is None:
                    self.running.add(module)
                    return number, module
                self._finish(number, module, result, bar, reused=True)
            return None

    def finish(self, number: int, module: str, answer: dict[str, Any], bar: "tqdm[Any]") -> None:
        """Remember what came of a run, a failure for this session only."""
        seen = self.trees[number].seen(answer["reads"])
        result = {name: answer[name] for name in ("passed", "failed", "skipped", "seconds", "output")}
        with self.change:
            self.running.remove(module)
            self.ran += 1
            if answer["complete"]:
                self.results.add(self.subject(number, module), seen, result, keep=not result["failed"])
            self._finish(number, module, result, bar, reused=False)
            self.change.notify_all()

    def stop(self, error: BaseException) -> None:
        with self.change:
            self.error = self.error or error
            self.change.notify_all()

    def _finish(self, number: int, module: str, result: Result, bar: "tqdm[Any]", *, reused: bool) -> None:
        skipped = tuple((test, reason) for test, reason in result["skipped"])
        self.done[number, module] = Outcome(
            self.services[number],
            module,
            result["passed"],
            result["failed"],
            skipped,
            result["seconds"],
            reused,
            result["output"],
        )
        bar.set_postfix(run=self.ran, reused=len(self.done) - self.ran, refresh=False)
        bar.update()


def _work(plan: _Plan, worker: Worker, bar: "tqdm[Any]") -> None:
    try:
        while job := plan.take(bar):
            number, module = job
            answer = worker.run(number, plan.services[number], plan.trees[number], module)
            plan.finish(number, module, answer, bar)
    except BaseException as error:  # noqa: BLE001 - raised again by the main thread
        plan.stop(error)


def _modules(service: Service) -> list[str]:
    names = (PurePosixPath(name) for name in service.files)
    return sorted(str(name) for name in names if name.parts[0] == "tests" and name.match("test_*.py"))


def _pytest_options(files: Mapping[str, bytes]) -> str:
    """What pytest reads before any test: its own table of pyproject.toml, and the other places it looks into."""
    project = tomllib.loads(files.get("pyproject.toml", b"").decode())
    table = project.get("tool", {}).get("pytest", {})
    others = [(name, digest(files[name])) for name in PYTEST_FILES if name in files]
    return digest(repr((table, others)).encode())
