"""The mirror shows a candidate what was asked, and survives whatever the candidate does."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from __package__.deferred import Batch, Deferred
from __package__.gauges import Gauge
from __package__.logged import scan
from __package__.observer import Scored
from __package__.service import Service
from __package__.serving.open_inference import OpenInference
from __package__.shadow import mirror as module
from __package__.shadow.mirror import (
    MOST_ROWS,
    ROWS_PER_REQUEST,
    Mirror,
)

Answer = Callable[[bytes], tuple[int, bytes]]
SOON_S = 5.0


class Candidate:
    """A candidate in this process: it answers over HTTP as `answer` says."""

    def __init__(self, answer: Answer) -> None:
        outer = self
        self.answer = answer
        self.asked: list[Any] = []
        self.askers: set[str | None] = set()
        self._released = threading.Event()
        self.drips = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.asked.append(json.loads(body))
                outer.askers.add(self.headers["who-asks"])
                status, answer = outer.answer(body)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                with suppress(OSError):
                    while outer.drips:
                        self.wfile.write(b" ")
                        time.sleep(0.05)
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hang(self) -> None:
        """From now on take what is asked, and say nothing."""

        def answer(_: bytes) -> tuple[int, bytes]:
            self._released.wait()
            return 200, b""

        self.answer = answer

    def drip(self) -> None:
        """From now on answer with a byte at a time, without an end."""
        self.drips = True

    def close(self) -> None:
        self.drips = False
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def rows(self) -> int:
        return sum(body["inputs"][0]["shape"][0] for body in self.asked)


@pytest.fixture
def candidate(service: Service) -> Iterator[Candidate]:
    """One that answers as this service does, over its own code for the protocol."""
    interface = OpenInference(service.signature, service.scorer, max_rows=1000)
    found = Candidate(lambda body: (200, interface.answer(body, {}).body))
    yield found
    found.close()


class Shadow:
    """A mirror, with what it counts."""

    def __init__(self, service: Service, url: str, folder: Path, **settings: object) -> None:
        self.log = str(folder / "log")
        given = {"shadow_url": url, "shadow_log": self.log, "shadow_timeout_s": 0.5}
        self._gauges: list[Gauge] = []
        self.mirror = Mirror(
            service.signature,
            service.settings.model_copy(update=given | settings),
            self._gauges,
            {"Who-Asks": "the champion"},
        )

    def figure(self, name: str, *labels: str) -> float:
        [gauge] = [one for one in self._gauges if one.name == name]
        return gauge.values().get(labels, 0.0)

    def result(self, name: str) -> float:
        return self.figure("shadow_rows_total", name)

    def wait_for(self, result: str, rows: int) -> None:
        deadline = time.monotonic() + SOON_S
        while self.result(result) < rows:
            assert time.monotonic() < deadline, f"{self.result(result)} rows {result}"
            time.sleep(0.01)


@pytest.fixture
def shadow(
    service: Service, candidate: Candidate, tmp_path: Path
) -> Iterator[Callable[..., Shadow]]:
    made: list[Shadow] = []

    def make(**settings: object) -> Shadow:
        made.append(Shadow(service, candidate.url, tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.mirror.close()


def scored(service: Service, rows: int = 1, **values: object) -> Scored:
    row = {**service.signature.example, **values}
    return service.scorer.score(service.scorer.encode_rows([row] * rows))


def test_the_candidate_is_asked_what_callers_asked(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    here = shadow()
    here.mirror.observe(Batch([scored(service), scored(service, 2)], {}))
    here.wait_for("answered", 3)
    [body] = candidate.asked
    assert candidate.askers == {"the champion"}
    asked = {tensor["name"]: tensor["data"] for tensor in body["inputs"]}
    again = service.scorer.encode_columns(asked)
    expected = service.scorer.encode_rows([service.signature.example] * 3)
    assert all((again[name] == expected[name]).all() for name in expected)
    version = service.signature.version
    assert here.figure("shadow_compared_rows_total", version) == 3
    assert here.figure("shadow_differing_rows_total", version) == 0


def test_its_answers_are_logged_under_the_ids_and_times_of_the_champion(
    service: Service, shadow: Callable[..., Shadow]
) -> None:
    here = shadow()
    calls = [scored(service), scored(service, 2)]
    here.mirror.observe(Batch(calls, {}))
    here.mirror.close()
    now = datetime.now(UTC)
    rows = scan(here.log, now - timedelta(minutes=5), now).collect()
    ids = [one.prediction_id(row) for one in calls for row in range(len(one.predictions))]
    assert sorted(rows["prediction_id"]) == sorted(ids)
    assert rows["time"].n_unique() == 2
    assert rows["prediction"].to_list() == pytest.approx([calls[0].predictions[0]] * 3)
    assert rows["features"].null_count() == 3


def test_a_candidate_that_hangs_delays_nobody_and_takes_a_bounded_number_of_rows(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    candidate.hang()
    here = shadow(shadow_timeout_s=2)
    batch = Batch([scored(service, 1000)] * 8, {})
    started = time.monotonic()
    for _ in range(10):
        here.mirror.observe(batch)
    assert time.monotonic() - started < 1
    assert here.result("dropped") == 10 * 8000 - MOST_ROWS
    assert here.figure("shadow_lag_seconds") > 0


def test_a_service_whose_candidate_hangs_ends_in_time(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    candidate.hang()
    here = shadow()
    here.mirror.observe(Batch([scored(service, 1000)] * 4, {}))
    started = time.monotonic()
    here.mirror.close()
    assert time.monotonic() - started < 3
    assert here.result("failed") + here.result("dropped") == 4000


def test_a_candidate_that_drips_has_as_long_as_one_that_hangs(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    candidate.answer = lambda _: (200, b" " * 10_000)
    candidate.drip()
    here = shadow()
    here.mirror.observe(Batch([scored(service, 2)], {}))
    here.wait_for("failed", 2)
    assert here.figure("shadow_asking_seconds_total") < 2


def test_a_log_that_cannot_be_written_is_told(
    service: Service, candidate: Candidate, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("no folder")
    here = Shadow(service, candidate.url, tmp_path, prediction_log_flush_s=0.05)
    here.mirror.observe(Batch([scored(service)], {}))
    here.wait_for("answered", 1)
    deadline = time.monotonic() + SOON_S
    while not here.figure("shadow_log_overdue_seconds"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    here.mirror.close()
    assert here.figure("shadow_unlogged_rows_total") == 1


def test_the_champion_s_own_log_comes_first(service: Service) -> None:
    [deferred] = service.observers.of(Deferred)
    *_, last = deferred.of(object)
    assert isinstance(last, Mirror)


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"),
        (200, b"no JSON"),
        (200, b'{"model_version": "2", "outputs": [{"data": [0.5]}]}'),
        (200, b'{"model_version": "2", "outputs": [{"data": [1e300, 0.5]}]}'),
    ],
    ids=["an error", "no JSON", "too few numbers", "an infinite number"],
)
def test_what_is_no_answer_is_counted_and_the_next_rows_are_asked_anew(
    service: Service,
    candidate: Candidate,
    shadow: Callable[..., Shadow],
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, bytes],
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    here, whole = shadow(), candidate.answer
    candidate.answer = lambda _: answer
    here.mirror.observe(Batch([scored(service, 2)], {}))
    here.wait_for("failed", 2)
    candidate.answer = whole
    here.mirror.observe(Batch([scored(service, 2)], {}))
    here.wait_for("answered", 2)


def test_a_row_that_the_candidate_refuses_costs_no_other_one_its_comparison(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    [number, *_] = [one.name for one in service.signature.inputs if one.type == "number"]
    whole, far = candidate.answer, 777.0

    def answer(body: bytes) -> tuple[int, bytes]:
        asked = {tensor["name"]: tensor["data"] for tensor in json.loads(body)["inputs"]}
        return (400, b"{}") if far in asked[number] else whole(body)

    candidate.answer = answer
    here = shadow()
    here.mirror.observe(
        Batch([scored(service, 30), scored(service, 1, **{number: far}), scored(service, 69)], {})
    )
    here.wait_for("answered", 99)
    assert here.result("refused") == 1
    assert here.result("failed") == 0
    assert len(candidate.asked) <= 15


def test_a_candidate_that_is_not_there_is_a_failure(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    here = shadow()
    candidate.close()
    here.mirror.observe(Batch([scored(service)], {}))
    here.wait_for("failed", 1)


def test_many_rows_go_in_several_requests(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    here = shadow()
    here.mirror.observe(Batch([scored(service, 1000)], {}))
    here.wait_for("answered", 1000)
    assert [body["inputs"][0]["shape"] for body in candidate.asked] == [[ROWS_PER_REQUEST]] * 2


def test_only_the_share_is_asked(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    here = shadow(shadow_share=0.3)
    here.mirror.observe(Batch([scored(service) for _ in range(1000)], {}))
    here.mirror.close()
    assert 240 < candidate.rows() < 360


def test_a_category_that_the_champion_does_not_know_cannot_be_asked(
    service: Service, candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    [name, *_] = [one.name for one in service.signature.inputs if one.accepts_unknown]
    here = shadow()
    here.mirror.observe(Batch([scored(service, 1, **{name: "ZZ"}), scored(service)], {}))
    here.wait_for("answered", 1)
    assert here.result("unknown_category") == 1
    assert candidate.rows() == 1


def test_without_an_address_nothing_is_done(service: Service, tmp_path: Path) -> None:
    here = Shadow(service, "", tmp_path)
    here.mirror.observe(Batch([scored(service)], {}))
    here.mirror.close()
    assert not Path(here.log).exists()


def test_a_wrong_address_is_told_at_the_start(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SERVICE_SHADOW_URL=candidate:8080 is no address"):
        Shadow(service, "candidate:8080", tmp_path)


def test_refusals_alone_are_nothing_to_ask(
    candidate: Candidate, shadow: Callable[..., Shadow]
) -> None:
    here = shadow()
    here.mirror.observe(Batch([], {"malformed": 3}))
    here.mirror.close()
    assert not candidate.asked
