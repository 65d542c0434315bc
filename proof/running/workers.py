"""Worker processes as the runner sees them."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Self

from proof.running.tree import Tree
from proof.services import Service

CACHE = "__pycache__"
PASSED = ("LD_LIBRARY_PATH",)
"""Variables of this process that a Python of the environment may need to start."""
State = dict[Path, tuple[int, ...]]
"""By path, what the file system tells of it."""


class WorkerError(Exception):
    """A worker cannot go on; the message is a sentence."""


class Worker:
    """One process of the environment, and the services that it has written."""

    def __init__(
        self,
        number: int,
        python: Path,
        folder: Path,
        path: str,
        preload: Sequence[str],
        limit_s: float,
        common: str,
    ) -> None:
        self._number = number
        self._python = python
        self._folder = folder
        self._preload = preload
        self._limit_s = limit_s
        self._common = common
        self._path = path
        self._written: tuple[int, Path] | None = None
        self._state: State = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._scratch = Path(tempfile.mkdtemp(prefix="proof-")).resolve()
        self._log = self._scratch / "worker.log"
        for name in ("home", "temporary"):
            (self._scratch / name).mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._forget()

    def _start(self) -> "subprocess.Popen[str]":
        """The process, once it has imported everything; it is started by the first module that has to run."""
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [self._python, "-P", Path(__file__).with_name("worker.py"), *self._preload],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=variables(self._folder, self._path)
                | {
                    "HOME": str(self._scratch / "home"),
                    "TMPDIR": str(self._scratch / "temporary"),
                    "HYPOTHESIS_STORAGE_DIRECTORY": str(self._scratch / "hypothesis"),
                },
                text=True,
                # Ctrl-C is for the runner alone, which then ends its workers.
                start_new_session=True,
            )
        culprits = self._answer(self._process)["culprits"]
        if culprits:
            raise WorkerError(f"importing {', '.join(culprits)} starts threads, now and then; a fork would lose them")
        return self._process

    def run(self, number: int, service: Service, tree: Tree, module: str) -> dict[str, Any]:
        """Run one module; the service is written when it is not the one that was written last, as it was written.

        What another module left in it would be read and not be known: results stand for the service's own files.
        """
        if self._written is None or self._written[0] != number or _state(self._written[1]) != self._state:
            self._forget()
            # Two runs at once share what they find, and nothing else.
            place = self._folder / "services" / f"{tree.name}-{os.getpid()}-{self._number}"
            shutil.rmtree(place, ignore_errors=True)
            service.write(place / "flight-delays")
            self._written = (number, place)
            self._state = _state(place)
        scratch = self._scratch / "run"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        job = {
            "service": str(self._written[1] / "flight-delays"),
            "module": module,
            "files": tree.files,
            "scratch": str(scratch),
            "shared": str(self._folder / "models"),
            "results": str(self._folder / "results"),
            "base": self._common,
            "limit_s": self._limit_s,
        }
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        # A worker that has ended gives no answer.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        return self._answer(process)

    def _answer(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        assert process.stdout is not None  # noqa: S101 - Popen was asked for a pipe
        line = process.stdout.readline()
        if not line:
            raise WorkerError(f"a worker ended by itself; its last words: {self._log.read_text()[-2000:].strip()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _forget(self) -> None:
        if self._written:
            shutil.rmtree(self._written[1], ignore_errors=True)
            self._written = None


def _state(folder: Path) -> State:
    """What tells that something below a folder was changed, added or removed; what Python compiled is left out.

    The time of the last change of a file cannot be set back, as that of its content can.
    """
    state: State = {}
    for path in folder.rglob("*"):
        if path.name != CACHE and (path.parent.name != CACHE or path.suffix != ".pyc"):
            found = path.lstat()
            # A folder changes with the caches in it.
            times = () if S_ISDIR(found.st_mode) else (found.st_ino, found.st_size, found.st_ctime_ns)
            state[path] = (found.st_mode, *times)
    return state


def variables(folder: Path, path: str) -> dict[str, str]:
    """All the variables that a worker has: the same everywhere, but for where programs and libraries are."""
    return {
        **{name: os.environ[name] for name in PASSED if name in os.environ},
        "PATH": path,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # Read at import, and importing happens before any conftest.py sets it.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # A generated service lies in no repository here, least of all in this one.
        "GIT_CEILING_DIRECTORIES": str(folder),
    }
