"""A service installed from nothing, with its own declared dependencies alone, at the lowest or the highest versions.

The shared environment of the proof could hide what a service forgot to declare, or a lower bound that does not hold.
"""

import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hooks.space import Combination

from .services import Service

RESOLUTIONS = {"lowest-direct": "3.11", "highest": "3.13"}
"""uv's ways to choose versions, each with the Python that services allow and that goes with it, if it is installed."""
LIMIT_S = 900.0


class IsolationError(Exception):
    """A command of an isolated service failed; the message has its last lines."""


@dataclass(frozen=True)
class Isolated:
    """What was run."""

    service: Service
    resolution: str
    python: str
    summary: str
    """The last line of pytest."""


def sample(items: Sequence[Combination], turn: int) -> Combination:
    """One of the items, another one each turn."""
    return items[turn % len(items)]


def revision_count(root: Path) -> int:
    """How many revisions the repository has: the turn of the sample."""
    command = ("git", "rev-list", "--count", "HEAD")
    return int(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def isolate(service: Service, resolution: str, folder: Path) -> Isolated:
    """Install what serves alone and start to serve it, then install everything and run the tests.

    Raises IsolationError with the output of the command that failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    service.write(folder)
    python = _python(RESOLUTIONS[resolution])
    _run(folder, "uv", "lock", "--quiet", "--python", python, "--resolution", resolution)
    locked = ("uv", "run", "--quiet", "--locked", "--resolution", resolution, "--python", python)
    if not entries(service):
        raise IsolationError('The Dockerfile runs no module of the service (`CMD ["python", "-m", ...]`).')
    for entry in entries(service):
        # Imports all that the image runs; what only training needs is not there.
        _run(folder, *locked, "--no-default-groups", "python", "-c", f"import {entry}")
    # As its owner does, with the coverage it asks for.
    tested = _run(folder, "make", "test", UV_RESOLUTION=resolution, UV_PYTHON=python)
    [summary] = re.findall(r"=+ (\d+ passed.*?) =+$", tested, re.MULTILINE)
    return Isolated(service, resolution, python, summary)


def entries(service: Service) -> list[str]:
    """The modules that the image runs."""
    return re.findall(r'"-m", "([\w.]+)"', service.files["Dockerfile"].decode())


def _python(wanted: str) -> str:
    """The version that is wanted if this machine has it, else the one that runs this."""
    command = ("uv", "python", "find", "--no-python-downloads", "--system", wanted)
    found = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return wanted if found else platform.python_version()


def _run(folder: Path, *command: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise IsolationError(f"`{' '.join(command)}` did not end within {LIMIT_S:.0f} s.") from None
        raise
    if process.returncode:
        raise IsolationError(f"`{' '.join(command)}` ended with {process.returncode}:\n{output[-6000:]}")
    return output
