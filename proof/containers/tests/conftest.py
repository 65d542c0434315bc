"""The engine, the base that images are built upon, and each image that a service can have."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import docker as sdk
import pytest

from proof.containers import base_image
from proof.containers.engine import EngineError, docker, why_not
from proof.containers.services import Built, build, images, prepare

HARDENED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": ""},  # noqa: S108 - the container's own
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "pids_limit": 256,
    "mem_limit": "512m",
    "nano_cpus": 1_000_000_000,
    "detach": True,
}
"""As compose.yaml and the manifests have it."""


@dataclass
class Record:
    """What tests have to say on the page, beside that they passed."""

    figures: dict[str, Any] = field(default_factory=dict)
    """Of one image."""
    facts: list[str] = field(default_factory=list)
    """Sentences with what was counted or measured."""


@pytest.fixture(scope="session")
def engine() -> "sdk.DockerClient":
    """The engine; what needs it is skipped, with the reason, where there is none."""
    if reason := why_not():
        pytest.skip(reason)
    return sdk.from_env(timeout=180)


@pytest.fixture(scope="session")
def base(engine: "sdk.DockerClient") -> str:
    """The image that Dockerfiles build upon: the real one, or a stand-in where no registry can be reached."""
    assert engine.ping()
    wanted = base_image.tag()
    try:
        docker("pull", "--quiet", wanted)
    except EngineError:
        wanted = f"stand-in/{wanted}"
        base_image.make(wanted)
    return wanted


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which images; and where to write what was found."""
    parser.addoption("--image", action="append", help="an image by its name; all without this option")
    parser.addoption("--record", type=Path, help="a file for what the tests measured and counted, as JSON")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `image` runs for each version that the Dockerfile has."""
    if "image" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("image")
        found = {name: service for name, service in images().items() if not wanted or name in wanted}
        metafunc.parametrize("image", list(found.values()), ids=list(found), indirect=True, scope="session")


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, base: str, engine: "sdk.DockerClient", record: Record) -> Iterator[Built]:
    """The image of a service, from the Dockerfile as it is."""
    folder = prepare(request.param)
    tag = f"proof/{folder.parent.name}:local"
    build(folder, tag, base)
    built = Built(request.param, folder, tag)
    added = _bytes(engine, tag) - _bytes(engine, base)
    record.figures.update(title=built.title, added_mb=round(added / 1e6, 1))
    yield built
    docker("image", "rm", "--force", tag)
    # What many builds leave fills a disk.
    docker("builder", "prune", "--force", "--filter", "unused-for=30m")


def _bytes(engine: "sdk.DockerClient", tag: str) -> int:
    return int(engine.images.get(tag).attrs["Size"])


@pytest.fixture(scope="session")
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """Filled by tests, and written where `--record` says."""
    found = Record()
    yield found
    if path := request.config.getoption("record"):
        path.write_text(json.dumps(asdict(found)))
