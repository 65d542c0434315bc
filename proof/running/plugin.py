"""The pytest plugin of a worker's child: counts, records what is read, and shares training."""

import fcntl
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from proof.running import tracing
from proof.running.results import Results
from proof.running.tree import Tree
from proof.running.watching import Watch

# What the child of a training runs: the arguments are unpickled after the package is imported, as in a test.
TRAIN = """
import importlib, pickle, sys, warnings
module, name, arguments = pickle.loads(bytes.fromhex(sys.argv[1]))
train = getattr(importlib.import_module(module), name)
positional, named = pickle.loads(arguments)
warnings.simplefilter("error")
train(*positional, **named)
"""


@dataclass(frozen=True)
class Place:
    """Where a child works."""

    service: Path
    source: Path
    scratch: Path
    shared: Path
    """Trained models, by what their training read."""

    @property
    def log(self) -> Path:
        return self.scratch / "reads"


class Plugin:
    """Hooks of one run of pytest on one test module."""

    def __init__(self, place: Place, module: Path, tree: Tree, results: Results) -> None:
        self._place = place
        self._module = module
        self._tree = tree
        self._results = results
        self._started = time.perf_counter()
        self._watch = Watch(place.service, tree.folders)
        self.passed = 0
        self.failed = 0
        self.skipped: list[tuple[str, str]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        # Here pytest has read its options, which are part of the subject, and nothing else of the project.
        self._watch.__enter__()
        self._recorder = tracing.start(self._place.service, self._place.log)

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        # On its way to one module pytest looks at everything beside the way; nothing comes of it.
        return None if self._module.is_relative_to(collection_path) else True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed += 1
        elif report.skipped:
            self._skip(report)
        elif report.when == "call":
            self.passed += 1
        self._watch.drain()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed += 1
        elif report.skipped:
            self._skip(report)

    def _skip(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = getattr(report, "wasxfail", None) or (
            report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        )
        self.skipped.append((report.nodeid, reason.removeprefix("Skipped: ")))

    def pytest_plugin_registered(self, plugin: object) -> None:
        """Training that a conftest.py asks for is shared; a test that trains by itself does train."""
        train = getattr(plugin, "train", None)
        if isinstance(plugin, ModuleType) and callable(train) and getattr(train, "__module__", "").endswith(".train"):
            plugin.train = self._shared(train)  # type: ignore[attr-defined]

    def result(self) -> dict[str, Any]:
        """What came out, as JSON."""
        self._watch.__exit__(None, None, None)
        with self._place.log.open("a") as log:
            log.writelines(f"{line}\n" for line in sorted(self._watch.lines))
        return {
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "seconds": round(time.perf_counter() - self._started, 3),
        }

    def _shared(self, train: Callable[..., None]) -> Callable[..., None]:
        """`train(output, ...)` that copies what the same training wrote before; its reads count as the caller's."""

        def shared(output: Path, *positional: object, **named: object) -> None:
            subject = f"{train.__module__}.{train.__name__}{positional}{sorted(named.items())}"
            if " at 0x" in subject or Path(output).exists():
                train(output, *positional, **named)
                return
            with self._alone():
                self._results.forget()
                found = self._results.find(subject, self._tree) or self._train(subject, train, positional, named)
            if found is None or not (self._place.shared / found["model"]).is_dir():
                # It failed: here it fails again, where the caller sees it.
                train(output, *positional, **named)
                return
            # New times, as after a training.
            shutil.copytree(self._place.shared / found["model"], output, copy_function=shutil.copyfile)
            for line in found["reads"]:
                self._recorder.note(line)

        return shared

    def _train(
        self, subject: str, train: Callable[..., None], positional: tuple[object, ...], named: dict[str, object]
    ) -> dict[str, Any] | None:
        """Train in a process of its own, whose reads are those of the training; None when it fails."""
        self._place.shared.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._place.shared))
        log = self._place.scratch / "training-reads"
        log.unlink(missing_ok=True)
        arguments = pickle.dumps(((folder / "model", *positional), named))
        call = pickle.dumps((train.__module__, train.__name__, arguments)).hex()
        environment = tracing.environment(self._place.service, log, self._place.source)
        with Watch(self._place.service, self._tree.folders) as watch:
            ran = subprocess.run(
                [sys.executable, "-c", TRAIN, call],
                cwd=self._place.service,
                env={**os.environ, **environment},
                check=False,
            )
        if ran.returncode:
            shutil.rmtree(folder)
            return None
        lines = sorted({*log.read_text().splitlines(), *watch.lines})
        found = {"model": f"{folder.name}/model", "reads": lines}
        self._results.add(subject, self._tree.seen(lines), found, keep=True)
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One worker at a time, so that the second finds what the first has trained."""
        self._place.shared.mkdir(parents=True, exist_ok=True)
        with (self._place.shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
