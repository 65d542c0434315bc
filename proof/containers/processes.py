"""Services as processes of this machine, with what they need beside them."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ..running import environment
from .services import PACKAGE, Built

PATIENCE_S = 90.0


def key(image: Built, folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """What a caller sends who has a key."""
    file = folder / "callers.json"
    # A key that ends has a metric of its own.
    until = (datetime.now(UTC) + timedelta(days=2)).date()
    options = ("--file", file, "--rate", "1000", "--expires", str(until))
    given = image.python("-m", f"{PACKAGE}.keys", "add", "probe", *options).split()[-1]
    settings["SERVICE_KEYS_FILE"] = str(file)
    return {"authorization": f"Bearer {given}"}


@contextmanager
def redis(settings: dict[str, str]) -> Iterator[None]:
    """A broker, named in the settings."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("NO EVENT WAS SENT: redis-server is not installed")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings["SERVICE_BROKER_URL"] = f"redis://127.0.0.1:{port}"
    with subprocess.Popen([program, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def started(image: Built, folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Start a service by the command of its image, and wait until it is ready; its address."""
    [command] = re.findall(r"^CMD (\[.*\])$", (image.folder / "Dockerfile").read_text(), re.MULTILINE)
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [environment.python(), *json.loads(command)[1:]],
            cwd=image.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "src", **settings},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (ports := re.findall(r'"port": ?(\d+)', log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{image.title} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{ports[-1]}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
