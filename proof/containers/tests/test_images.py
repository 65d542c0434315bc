"""Each image a service can have: what is in it, how it starts locked down, what it answers, and how it stops."""

import email
import ipaddress
import json
import re
import shutil
import socket
import stat
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import docker as sdk
import httpx
import pytest

from proof.containers.engine import docker
from proof.containers.licences import licence, may_be_shipped, normal
from proof.containers.services import FOLDER, NAME, PACKAGE, Built
from proof.containers.tests.conftest import HARDENED, Record

PATIENCE_S = 60.0
USER = "10001:10001"
DAY = "2013-07-01"
"""One of those that the domain brings a sample of."""
EVENTS = 3_000
COUNT = """
import json, sys
import polars as pl
data, day = sys.argv[1:]
rows = pl.read_parquet(f"{data}/input/date={day}/*.parquet", hive_partitioning=False)
scored = pl.read_parquet(f"{data}/output/date={day}/*.parquet", hive_partitioning=False)
print(json.dumps([rows.height, scored.height, scored["source_row"].n_unique()]))
"""
COMPILERS = re.compile(r"(^|/)(cc|gcc|g\+\+|clang|make|ld|as|git|curl|wget)$")
SECRETS = re.compile(r"\.(pem|key)$|(^|/)\.(env|netrc|npmrc|pypirc)$|id_(rsa|ed25519)$")
TRAINING = {"sklearn", "skl2onnx", "matplotlib", "pytest", "hypothesis", "ruff"}


def test_it_runs_without_root_and_its_command_gets_signals(image: Built, engine: sdk.DockerClient) -> None:
    config = engine.images.get(image.tag).attrs["Config"]
    assert config["User"] == USER
    # A shell in between would swallow SIGTERM.
    assert config["Cmd"][0] == "python"
    assert not config["Entrypoint"]
    assert (config.get("Healthcheck") is not None) == (image.style != "batch")
    assert not [line for line in config["Env"] if re.search("TOKEN|PASSWORD|SECRET|API_KEY", line)]


def test_nothing_is_in_it_that_does_not_serve(image: Built, engine: sdk.DockerClient, tmp_path: Path) -> None:
    files = _files(engine, image.tag, tmp_path)
    own = {name for name in files if name.startswith("app/")}
    assert any(name.endswith(f"site-packages/{PACKAGE}/__init__.py") for name in own)
    assert "app/model/model.onnx" in own
    assert not {name for name in own if COMPILERS.search(name)}
    assert not {name for name in own if SECRETS.search(name) and "certifi" not in name}
    assert not {name for name in own if re.match(r"app/(tests|data|docs|scripts|deploy)/", name)}
    packages = {found[1] for name in own if (found := re.match(r"app/.venv/lib/[^/]+/site-packages/(\w+)/", name))}
    assert not packages & TRAINING
    # Whoever runs it cannot change the code.
    assert not {name for name in own if name.endswith((".py", ".so")) and files[name].mode & stat.S_IWOTH}


def test_its_bill_of_materials_is_whole_and_every_licence_lets_it_be_shipped(
    image: Built, engine: sdk.DockerClient, tmp_path: Path, record: Record
) -> None:
    workflow = (image.folder / ".github/workflows/release.yaml").read_text()
    [command] = re.findall(r"run: (.*uv export .*cyclonedx.*)", workflow)
    subprocess.run(["sh", "-c", command], cwd=image.folder, check=True)
    written = image.folder / "sbom.json"
    sbom = json.loads(written.read_text())
    listed = {(row["name"], row["version"]) for row in (*sbom["components"], sbom["metadata"]["component"])}
    installed = {(normal(about["Name"]), about["Version"]): about for about in _metadata(engine, image.tag, tmp_path)}
    assert installed
    assert installed.keys() <= listed
    known = {name: licence(about) for (name, _), about in installed.items() if name != NAME}
    assert not {name: said for name, said in known.items() if not may_be_shipped(said)}
    kept = FOLDER / "sboms" / f"{image.folder.parent.name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(written, kept)
    record.figures["packages"] = len(installed)


def _metadata(engine: sdk.DockerClient, tag: str, folder: Path) -> list[Message]:
    """What each installed distribution of the service's environment says of itself."""
    container = engine.containers.create(tag)
    archive = folder / "image.tar"
    try:
        docker("export", "--output", archive, container.id)
        with tarfile.open(archive) as tar:
            members = [info for info in tar if re.fullmatch(r"app/\.venv/.*\.dist-info/METADATA", info.name)]
            return [email.message_from_bytes(file.read()) for one in members if (file := tar.extractfile(one))]
    finally:
        container.remove()
        archive.unlink(missing_ok=True)


def test_its_dockerfile_is_lint_free(image: Built) -> None:
    ran = subprocess.run(["hadolint", image.folder / "Dockerfile"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def _files(engine: sdk.DockerClient, tag: str, folder: Path) -> dict[str, tarfile.TarInfo]:
    """The files of an image."""
    container = engine.containers.create(tag)
    archive = folder / "image.tar"
    try:
        docker("export", "--output", archive, container.id)
        with tarfile.open(archive) as tar:
            return {info.name: info for info in tar}
    finally:
        container.remove()
        archive.unlink(missing_ok=True)


@pytest.fixture
def started(image: Built, engine: sdk.DockerClient, tmp_path: Path, record: Record) -> Iterator["Running"]:
    """A container of a service that listens, ready, as locked down as in the cluster."""
    if image.style != "online":
        pytest.skip("it answers nobody over HTTP")
    with running(image, engine, tmp_path) as service:
        record.figures["ready_s"] = round(service.ready_s, 2)
        yield service


def test_it_answers_as_the_code_here_does(started: "Running", record: Record) -> None:
    row = started.example()
    answer = started.ask(row)
    assert answer.status_code == 200, answer.text
    [prediction] = answer.json()["predictions"] if "predictions" in answer.json() else [answer.json()]
    assert 0 <= prediction["probability"] <= 1
    many = [row] * 500
    assert len(started.ask(many).json()["predictions"]) == 500
    record.figures["memory_mb"] = round(started.memory_mb(), 1)
    assert started.container.top()["Processes"]
    assert started.container.exec_run(["python", "-c", "open('/app/x', 'w')"]).exit_code != 0


def test_told_to_stop_it_answers_what_is_in_flight_and_ends_with_0(started: "Running") -> None:
    row = json.dumps(started.example()).encode()
    host, port = started.address
    with socket.create_connection((host, port), timeout=PATIENCE_S) as caller:
        head = [
            "POST /predict HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {len(row)}",
            *(f"{name}: {value}" for name, value in started.headers.items()),
        ]  # fmt: skip
        caller.sendall("\r\n".join([*head, "", ""]).encode() + row[:10])
        time.sleep(0.5)
        stopping = threading.Thread(target=lambda: started.container.stop(timeout=30))
        stopping.start()
        time.sleep(1.0)
        caller.sendall(row[10:])
        caller.settimeout(PATIENCE_S)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
    stopping.join()
    assert started.container.wait(timeout=PATIENCE_S)["StatusCode"] == 0
    assert "Traceback" not in started.container.logs().decode()


class Running:
    """A container of an online service."""

    def __init__(self, container: Any, address: tuple[str, int], headers: dict[str, str], ready_s: float) -> None:
        self.container = container
        self.address = address
        self.headers = headers
        self.ready_s = ready_s
        self._client = httpx.Client(base_url=f"http://{address[0]}:{address[1]}", headers=headers, timeout=PATIENCE_S)

    def example(self) -> dict[str, Any]:
        """The row that the service's own description gives as an example."""
        body = self._client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
        row: dict[str, Any] = body["content"]["application/json"]["examples"]["one row"]["value"]
        return row

    def ask(self, rows: object) -> httpx.Response:
        """A request for predictions."""
        return self._client.post("/predict", json=rows)

    def memory_mb(self) -> float:
        """What the container holds in memory now, without the kernel's caches."""
        stats = self.container.stats(stream=False)["memory_stats"]
        return (
            float(stats["usage"] - stats["stats"].get("total_inactive_file", stats["stats"].get("inactive_file", 0)))
            / 1e6
        )


@contextmanager
def running(image: Built, engine: sdk.DockerClient, folder: Path) -> Iterator[Running]:
    """Start a service, with keys where it asks for them, and wait until its health check is content."""
    volumes, headers = {}, {}
    if image.has("safeguards", "access"):
        keys = folder / "keys" / "callers.json"
        key = image.python("-m", f"{PACKAGE}.keys", "add", "probe", "--file", keys, "--rate", "10000").split()[-1]
        keys.chmod(0o644)
        keys.parent.chmod(0o755)
        volumes[str(keys.parent)] = {"bind": f"/etc/{NAME}/keys", "mode": "ro"}
        headers["authorization"] = f"Bearer {key}"
    started = time.perf_counter()
    container = engine.containers.run(image.tag, **HARDENED, volumes=volumes, ports={"8080/tcp": ("127.0.0.1", None)})
    try:
        container.reload()
        port = int(container.ports["8080/tcp"][0]["HostPort"])
        _wait_until_ready(container, port)
        yield Running(container, ("127.0.0.1", port), headers, time.perf_counter() - started)
    finally:
        container.remove(force=True)


def _wait_until_ready(container: Any, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            pass
        container.reload()
        logs = container.logs().decode()[-2000:]
        assert container.status == "running", logs
        assert time.monotonic() < deadline, logs
        time.sleep(0.05)


@pytest.fixture
def data(image: Built, tmp_path: Path) -> Path:
    """The volume of a run, with input of the sample's days, which the container's user may write."""
    if image.style != "batch":
        pytest.skip("it does not run by the clock")
    folder = tmp_path / "data"
    image.python("-m", f"{PACKAGE}.sample_input", input=f"{folder}/input/date={{date}}")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return folder


def score(image: Built, engine: sdk.DockerClient, data: Path) -> Any:
    """Start a run of one day as the schedule does; its container."""
    command = ["python", "-m", f"{PACKAGE}.score", "--date", DAY]
    more = {"mem_limit": "2g", "nano_cpus": 2_000_000_000, "volumes": {str(data): {"bind": "/data", "mode": "rw"}}}
    return engine.containers.run(image.tag, command, **{**HARDENED, **more})


def test_a_run_that_is_killed_goes_on_and_publishes_each_row_once(
    image: Built, engine: sdk.DockerClient, data: Path, record: Record
) -> None:
    killed = score(image, engine, data)
    time.sleep(2.0)
    killed.kill()
    killed.remove(force=True)
    started = time.perf_counter()
    run = score(image, engine, data)
    try:
        assert run.wait(timeout=PATIENCE_S)["StatusCode"] == 0, run.logs().decode()[-2000:]
    finally:
        run.remove(force=True)
    record.figures["run_s"] = round(time.perf_counter() - started, 2)
    manifest = json.loads((data / "output" / f"date={DAY}" / "manifest.json").read_text())
    asked, scored, different = json.loads(image.python("-c", COUNT, str(data), DAY))
    assert asked == manifest["rows"] == manifest["scored"] + manifest["quarantined"]
    assert scored == different == manifest["scored"] > 0


@pytest.fixture
def broker(image: Built) -> Iterator[str]:
    """A Redis on the bridge between this machine and its containers."""
    if image.style != "streaming":
        pytest.skip("it consumes no events")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("NO EVENT WAS SENT: redis-server is not installed")
    subnet = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Subnet"]
    gateway = str(next(ipaddress.ip_network(subnet).hosts()))
    with socket.socket() as found:
        found.bind((gateway, 0))
        port = found.getsockname()[1]
    command = [program, "--bind", gateway, "--port", str(port), "--save", "", "--protected-mode", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield f"redis://{gateway}:{port}"
        process.terminate()


def test_told_to_stop_amid_a_stream_it_loses_no_event(image: Built, engine: sdk.DockerClient, broker: str) -> None:
    settings = {"SERVICE_BROKER_URL": broker}
    consumers = [engine.containers.run(image.tag, **HARDENED, environment=settings)]
    try:
        _wait_until_healthy(consumers[0])
        image.python("-m", f"{PACKAGE}.publish", "--events", str(EVENTS), "--rate", "3000", broker_url=broker)
        consumers[0].stop(timeout=30)
        assert consumers[0].wait(timeout=PATIENCE_S)["StatusCode"] == 0, consumers[0].logs().decode()[-2000:]
        consumers.append(engine.containers.run(image.tag, **HARDENED, environment=settings))
        count = f"import redis; print(redis.Redis.from_url('{broker}').xlen('predictions'))"
        deadline = time.monotonic() + PATIENCE_S
        while int(image.python("-c", count)) < EVENTS:
            assert time.monotonic() < deadline, consumers[1].logs().decode()[-2000:]
            time.sleep(0.5)
    finally:
        for consumer in consumers:
            consumer.remove(force=True)


def _wait_until_healthy(container: Any) -> None:
    """Wait for the health check of the image itself."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        container.reload()
        logs = container.logs().decode()[-2000:]
        assert container.status == "running", logs
        if container.attrs["State"]["Health"]["Status"] == "healthy":
            return
        assert time.monotonic() < deadline, logs
        time.sleep(0.5)
