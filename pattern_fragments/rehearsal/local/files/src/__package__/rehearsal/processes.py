"""A version of the service as a process of its own, as production starts it."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from ..model_folder import ModelFolder
from .environment import without_settings

SERVE = "__package__.serve"
SERVE_FAULTY = "__package__.rehearsal.serve_faulty"

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
"""Longer than the service itself takes for what is in flight."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in a version on purpose, for a rehearsal only."""

    delay_s: float = 0.0
    """Each call of the model takes so much longer."""
    fail_share: float = 0.0
    """This share of the calls ends in an error."""
    refuse_share: float = 0.0
    """This share of the rows is said not to fit, as by a signature that takes less."""
    crash_after: int | None = None
    """The process is gone at once after so many calls."""

    @property
    def arguments(self) -> list[str]:
        """For the command of a service with faults."""
        given = {name: value for name, value in asdict(self).items() if value}
        return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


class Server:
    """Serves a model from when the block begins until it ends.

    `log` is a file for all that the process says; what it writes to paths of its own lies beside
    it. `settings` are those of the service, whatever the shell exports. Raises RuntimeError when it
    does not start.
    """

    def __init__(
        self, model: Path, log: Path, faults: Faults | None = None, **settings: object
    ) -> None:
        self.version = ModelFolder(model).read_signature().version
        self.url = ""
        """Known when it serves: http://127.0.0.1:PORT."""
        self._log = log.absolute()
        self._module = SERVE_FAULTY if faults else SERVE
        self._arguments = faults.arguments if faults else []
        self._environment = {
            **{f"SERVICE_{name.upper()}": str(value) for name, value in settings.items()},
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_PORT": "0",
            "SERVICE_MODEL_DIR": str(model.absolute()),
            # Where this very package lies: a relative path would not hold in the folder of the log.
            "PYTHONPATH": str(Path(__file__).absolute().parents[2]),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", self._module, *self._arguments],
                cwd=self._log.parent,
                env=without_settings() | self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = f"http://127.0.0.1:{self._port(self._process)}"
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, by itself or since it was told to."""
        return self._started().poll() is not None

    def stop(self) -> int:
        """Tell it to end, wait until what is in flight is answered; the exit code."""
        process = self._started()
        process.terminate()
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"version {self.version} did not end: see {self._log}") from None

    def kill(self) -> None:
        """End it at once, as the loss of a machine would."""
        process = self._started()
        process.kill()
        process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"version {self.version} was not started")
        return self._process

    def _port(self, process: "subprocess.Popen[bytes]") -> int:
        """Where it says that it serves."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            has_ended = process.poll() is not None
            for line in self._log.read_bytes().splitlines():
                if b'"serving"' in line:
                    return int(json.loads(line)["port"])
            if has_ended:
                break
            time.sleep(0.05)
        said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"version {self.version} does not serve; {self._log} ends with:\n{said}")
