"""The engine, the base that images are built upon, and each image that a service can have."""

import json
from collections.abc import Iterator
from typing import Any

import docker as sdk
import pytest

from proof.containers import base_image
from proof.containers.engine import EngineError, docker, why_not
from proof.containers.services import FOLDER, Built, build, distinct, prepare
from proof.rendering import Renderer
from proof.template import copy_template

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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `image` runs for each version that the Dockerfile has."""
    if "image" in metafunc.fixturenames:
        services = _services()
        names = [
            "-".join(service.chosen[name][0] for name in ("serving", "deployment", "feature_store", "risk"))
            for service in services
        ]
        metafunc.parametrize(
            "image",
            services,
            ids=[f"{number}-{name}" for number, name in enumerate(names)],
            indirect=True,
            scope="session",
        )


_found: list[Any] = []


def _services() -> list[Any]:
    if not _found:
        template = FOLDER / "template"
        copy_template(template)
        _found.extend(distinct(Renderer(template), "Dockerfile"))
    return _found


@pytest.fixture(scope="session")
def image(
    request: pytest.FixtureRequest, base: str, engine: "sdk.DockerClient", figures: dict[str, dict[str, Any]]
) -> Iterator[Built]:
    """The image of a service, from the Dockerfile as it is."""
    folder = prepare(request.param)
    tag = f"proof/{folder.parent.name}:local"
    build(folder, tag, base)
    built = Built(request.param, folder, tag)
    added = _bytes(engine, tag) - _bytes(engine, base)
    figures[tag] = {"title": built.title, "added_mb": round(added / 1e6, 1)}
    yield built
    docker("image", "rm", "--force", tag)


def _bytes(engine: "sdk.DockerClient", tag: str) -> int:
    return int(engine.images.get(tag).attrs["Size"])


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, dict[str, Any]]]:
    """What was measured, by image; written down for the page at the end."""
    measured: dict[str, dict[str, Any]] = {}
    yield measured
    if measured:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "images.json").write_text(json.dumps(measured, indent=1))
