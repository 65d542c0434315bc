"""Callers of a running service do not notice that its candidate hangs or is gone."""

import socket
import time
from pathlib import Path

import httpx
import pytest

from __package__.model_folder import ModelFolder
from __package__.rehearsal.processes import Server
from __package__.service import Service

CALLS = 40


@pytest.mark.parametrize("is_there", [True, False], ids=["hangs", "is gone"])
def test_answers_are_those_of_the_model_and_none_waits_for_the_candidate(
    is_there: bool, service: Service, model_folder: ModelFolder, tmp_path: Path
) -> None:
    example = service.signature.example
    expected = service.scorer.score(service.scorer.encode_rows([example])).predictions[0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not is_there:
            silent.close()
        with (
            Server(
                model_folder.path,
                tmp_path / "log",
                shadow_url=url,
                shadow_timeout_s=2,
            ) as champion,
            httpx.Client(base_url=champion.url) as caller,
        ):
            waited = []
            for _ in range(CALLS):
                started = time.monotonic()
                answer = caller.post("/predict", json=example)
                waited.append(time.monotonic() - started)
                [prediction] = answer.json()["predictions"]
                assert prediction[service.signature.output.name] == pytest.approx(expected)
            # The candidate alone would make each of them take two seconds.
            assert sorted(waited)[CALLS // 2] < 0.5
            assert max(waited) < 2
