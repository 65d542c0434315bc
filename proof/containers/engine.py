"""The container engine, by its command line: what builds and runs here is what builds and runs elsewhere."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path


class EngineError(Exception):
    """The engine is not there, or has refused; the message is a sentence."""


@cache
def client() -> str:
    """The client that goes with the engine: one of the system before a newer one beside it."""
    found = next((path for path in ("/usr/bin/docker", shutil.which("docker")) if path and Path(path).is_file()), None)
    if found is None:
        raise EngineError("docker is not installed")
    return found


def why_not() -> str:
    """Why no container can be run on this machine; empty when it can."""
    try:
        docker("info", "--format", "{{.ServerVersion}}")
    except EngineError as error:
        return f"NO CONTAINER WAS RUN: {error}"
    return ""


def docker(*arguments: str | Path, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
    """Run a command of the engine's client, and return what it prints; raises EngineError."""
    ran = subprocess.run(
        [client(), *arguments],
        cwd=cwd,
        env={**os.environ, "DOCKER_BUILDKIT": "1", **(more or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        command = " ".join(["docker", *map(str, arguments)])
        lines = (ran.stderr or ran.stdout).strip().splitlines()[-15:]
        raise EngineError(f"`{command[:300]}` failed: " + "\n".join(lines))
    return ran.stdout
