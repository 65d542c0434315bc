"""The process: it asks for keys, takes over new ones, and never opens itself to a network."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from __package__.model_folder import ModelFolder

from .conftest import Row, Server

pytestmark = pytest.mark.slow

SOON_S = 10.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused, or asks for keys
Keys = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "callers.json"


@pytest.fixture
def keys(file: Path) -> Keys:
    """Runs the command of keys; what it prints."""

    def run(command: str, *arguments: str) -> str:
        ended = subprocess.run(  # noqa: S603 - a command of this repository
            [
                sys.executable,
                "-m",
                "__package__.keys",
                command,
                "--file",
                file,
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout.strip()

    return run


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def ended(model_folder: ModelFolder, **settings: object) -> str:
    """Start a service that must refuse to start; what it says."""
    environment = {f"SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.run(
        [sys.executable, "-m", "__package__.serve"],
        env=os.environ | environment | {"SERVICE_MODEL_DIR": str(model_folder.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    return process.stderr


def waits_for(status: int, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until the answer has a status."""
    give_up_at = time.monotonic() + SOON_S
    while (answer := ask()).status_code != status:
        assert time.monotonic() < give_up_at, answer.text
        time.sleep(0.1)
    return answer


def test_without_keys_it_does_not_listen_to_other_machines(model_folder: ModelFolder) -> None:
    said = ended(model_folder, host=EVERYWHERE, port=0)
    assert said.startswith("cannot serve: SERVICE_HOST=0.0.0.0 ")
    assert "SERVICE_KEYS_FILE" in said


def test_without_a_good_file_of_keys_it_does_not_start(
    model_folder: ModelFolder, file: Path
) -> None:
    said = ended(model_folder, keys_file=file)
    assert said.startswith(f"cannot serve: SERVICE_KEYS_FILE={file} cannot be read ")
    file.parent.mkdir()
    file.write_text('{"callers": [{}]}')
    said = ended(model_folder, keys_file=file)
    assert said.startswith(f"cannot serve: {file} is no file of keys: ")


def test_with_keys_it_listens_to_all_and_answers_callers(
    start: Callable[..., Server], keys: Keys, file: Path, row: Row
) -> None:
    key = keys("add", "shop")
    client = start(host=EVERYWHERE, keys_file=file).client
    assert client.get("/readyz").status_code == 200
    answer = client.post("/predict", json=row)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.post("/predict", json=row, headers=bearing(key)).status_code == 200


def test_a_stranger_s_body_is_not_waited_for(
    start: Callable[..., Server], keys: Keys, file: Path
) -> None:
    keys("add", "shop")
    with start(keys_file=file).connect() as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\n"
            b"authorization: Bearer guessed\r\ncontent-length: 500000\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_stranger_who_sends_all_the_same_gets_an_answer_and_the_next_caller_too(
    start: Callable[..., Server], keys: Keys, file: Path, row: Row
) -> None:
    key = keys("add", "shop")
    client = start(keys_file=file).client
    for _ in range(3):
        answer = client.post("/predict", content=b"x" * 5_000_000)
        assert answer.status_code == 401
    assert client.post("/predict", json=row, headers=bearing(key)).status_code == 200


def test_a_key_is_given_out_and_taken_back_while_it_runs(
    start: Callable[..., Server], keys: Keys, file: Path
) -> None:
    first = keys("add", "first")
    client = start(keys_file=file).client
    second = keys("add", "second")
    waits_for(200, lambda: client.get("/v2", headers=bearing(second)))
    assert client.get("/v2", headers=bearing(first)).status_code == 200
    keys("remove", "first")
    waits_for(401, lambda: client.get("/v2", headers=bearing(first)))
    assert client.get("/v2", headers=bearing(second)).status_code == 200


def test_beyond_its_share_a_caller_is_slowed_down_and_others_are_served(
    start: Callable[..., Server], keys: Keys, file: Path
) -> None:
    slow = keys("add", "slow", "--rate", "0.2", "--burst", "2")
    other = keys("add", "other")
    client = start(keys_file=file).client
    answers = [client.get("/v2", headers=bearing(slow)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 5
    assert client.get("/v2", headers=bearing(other)).status_code == 200


def test_the_log_says_who_called_and_holds_no_key(
    start: Callable[..., Server], keys: Keys, file: Path, row: Row
) -> None:
    key = keys("add", "shop")
    server = start(keys_file=file, log_requests=True)
    for one in (key, "guessed"):
        server.client.post("/predict", json=row, headers=bearing(one))
    server.process.terminate()
    output, _ = server.process.communicate(timeout=10)
    lines = [json.loads(line) for line in output.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["status"], line.get("caller")) for line in requests] == [
        (200, "shop"),
        (401, None),
    ]
    assert all(line["request_id"] for line in requests)
    assert key not in output
    assert "guessed" not in output
