"""Releases on containers behind a real proxy, under load: the rendered steps and analyses, with time that runs faster.

Old and new version are two images of one service with two models. HAProxy splits the traffic, by weights that change
while it runs; a Prometheus records what the generated rules say, and the generated queries and conditions decide.
"""

import itertools
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docker as sdk
import httpx
import pytest
import yaml

from proof.containers.engine import docker
from proof.containers.services import NAME, PACKAGE, Built, build, prepare, service
from proof.containers.tests.conftest import HARDENED, Record

PATIENCE_S = 60.0
RATE_PER_S = 200
CALLERS = 8
SETTLE_S = 3.0
"""Before and after what is measured."""
FASTER = {"canary": 14, "blue_green": 20}
"""A minute of the cluster takes 60 s divided by this; the fewer requests an analysis needs, the faster."""
TOLERATED_SHARE = 0.01
AT_ONCE_S = 1.0
MODELS = f"""
import json, shutil, sys
from pathlib import Path
from {PACKAGE}.rehearsal.models import prepare
from {PACKAGE}.rehearsal.traffic import Traffic
models = prepare(Path("data/rehearsal"))
rows = Traffic.after_test_of(models.candidate, days=28).rows
Path("data/rehearsal/rows.json").write_text(json.dumps(rows[:5000]))
"""
FAILS_IN_20 = ["python", "-m", f"{PACKAGE}.rehearsal.serve_faulty", "--fail-share", "0.05"]
FAILS_LATER = [
    "python",
    "-c",
    f"import {PACKAGE}.rehearsal.serve_faulty as faulty\n"
    # The verification asks 520 times; a version that fails then is refused by it.
    "faulty._is_due = lambda number, share: share > 0 and number > 600 and number % 20 == 0\n"
    "faulty.main(['--fail-share', '0.05'])",
]
CONDITION = re.compile(r"len\(result\) > 0 && result\[0\] (<=|>=|<|>) (-?[\d.]+)")
HAPROXY = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  option redispatch
  retries 3
  retry-on conn-failure empty-response
frontend callers
  bind 127.0.0.1:{port}
  default_backend versions
backend versions
  balance roundrobin
  option httpchk GET /readyz
  http-response set-header x-served-by %s
  server old 127.0.0.1:{old} weight 100 check inter 500ms
  server new 127.0.0.1:{new} weight 0 check inter 500ms
"""


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    """What became of one request."""

    sent_at: float
    ended_at: float
    status: int
    """0: no answer came."""
    served_by: str
    """old or new, as the proxy says; empty for an answer of its own."""
    version: str
    """Of the model, as the answer says."""


class Load:
    """Callers who ask at a steady rate, one after the other, from the beginning of the block to its end."""

    def __init__(self, url: str, rows: Sequence[dict[str, Any]]) -> None:
        self.answers: list[Answer] = []
        self._url = url
        self._bodies = [json.dumps(row).encode() for row in rows]
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CALLERS)]

    def __enter__(self) -> "Load":
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, first: int) -> None:
        with httpx.Client(base_url=self._url, headers={"content-type": "application/json"}, timeout=10) as caller:
            for number in itertools.count(first, CALLERS):
                due = self._began + number / RATE_PER_S
                if self._is_over.wait(max(0.0, due - time.monotonic())):
                    return
                body = self._bodies[number % len(self._bodies)]
                sent_at = time.monotonic()
                try:
                    got = caller.post("/predict", content=body)
                except httpx.HTTPError:
                    self.answers.append(Answer(sent_at, time.monotonic(), 0, "", ""))
                    continue
                version = got.json()["model_version"] if got.status_code == 200 else ""
                served_by = got.headers.get("x-served-by", "")
                self.answers.append(Answer(sent_at, time.monotonic(), got.status_code, served_by, version))

    def during(self, start: float, end: float) -> list[Answer]:
        """Those of requests that were sent within [start, end)."""
        return [one for one in self.answers if start <= one.sent_at < end]


class Proxy:
    """HAProxy before both versions; all goes to the old one at first."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._socket = folder / "admin"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        (folder / "haproxy.cfg").write_text(HAPROXY.format(socket=self._socket, port=port, **ports))
        command = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def say(self, command: str) -> str:
        """A command to its admin socket, and the answer."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: admin.recv(4096), b"")).decode().strip()

    def split(self, new_percent: int) -> None:
        """So much of the traffic goes to the new version, the rest to the old one."""
        said = self.say(f"set weight versions/new {new_percent};set weight versions/old {100 - new_percent}")
        assert not said, said

    def is_up(self, name: str) -> bool:
        """Whether its health check has found a server ready."""
        rows = [line.split(",") for line in self.say("show stat").splitlines()]
        return any(row[:2] == ["versions", name] and row[17] == "UP" for row in rows)


class Prometheus:
    """A Prometheus that scrapes both versions, with the rendered rules, each second."""

    def __init__(self, folder: Path, built: Built, ports: Mapping[str, int], faster: int) -> None:
        rules = (built.folder / "deploy" / "monitoring" / "alerts.yaml").read_text()
        (folder / "alerts.yaml").write_text(sooner(re.sub(r"interval: \d+s", "interval: 1s", rules), faster))
        targets = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAME, "revision": name}}
            for name, port in ports.items()
        ]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yaml"],
            "scrape_configs": [{"job_name": NAME, "static_configs": targets}],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        command = [
            *("prometheus", f"--config.file={folder / 'prometheus.yaml'}"),
            *(f"--storage.tsdb.path={folder / 'series'}", f"--web.listen-address=127.0.0.1:{port}"),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def ask(self, query: str) -> list[float]:
        """What Argo Rollouts calls the result; empty while there is none, or no Prometheus yet."""
        url = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            answer = httpx.get(url, timeout=5)
        except httpx.TransportError:
            return []
        if answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            return []
        return [float(row["value"][1]) for row in answer.json()["data"]["result"]]


def sooner(text: str, faster: int) -> str:
    """Rules or a query with all stretches of time shorter."""

    def short(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * 60 // faster}s"

    return re.sub(r"(\[|offset )(\d+)m", short, text)


def seconds(duration: str) -> float:
    """Of `7m` or `30s`."""
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


class Release:
    """One release: the old version answers callers, and a new one is there beside it."""

    def __init__(self, built: Built, proxy: Proxy, prometheus: Prometheus, load: Load, faster: int) -> None:
        self.proxy, self.load = proxy, load
        self._built, self._prometheus, self._faster = built, prometheus, faster
        documents = [
            document
            for path in sorted((built.folder / "deploy" / "base").glob("*.yaml"))
            for document in yaml.safe_load_all(path.read_text())
        ]
        self.strategy: dict[str, Any] = next(one for one in documents if one["kind"] == "Rollout")["spec"]["strategy"]
        self.analyses: dict[str, dict[str, Any]] = {
            one["metadata"]["name"]: one["spec"] for one in documents if one["kind"] == "AnalysisTemplate"
        }

    def known(self) -> None:
        """Wait until the proxy and Prometheus know both versions, so that all is counted from 0 on."""
        wait_until(lambda: self.proxy.is_up("old") and self.proxy.is_up("new"), "the proxy finds a version not ready")
        counted = 'count(count_over_time(up{revision=~"old|new"}[10s]) > 2)'
        wait_until(lambda: self._prometheus.ask(counted) == [2], "Prometheus does not scrape both versions")

    def judged(self, template: str) -> dict[str, tuple[str, float | None]]:
        """The verdict on each figure of an analysis, and its value, when its time has come."""
        spec = self.analyses[template]
        [delay] = {seconds(metric["initialDelay"]) / self._faster for metric in spec["metrics"]}
        time.sleep(delay)
        values = {each["name"]: each.get("value") for each in spec["args"]}
        values |= {"canary": "new", "revision": "new", "stable": "old", "namespace": NAME}
        found = {}
        for metric in spec["metrics"]:
            query = re.sub(
                r"\{\{args\.([\w-]+)\}\}", lambda name: str(values[name[1]]), metric["provider"]["prometheus"]["query"]
            )
            result = self._prometheus.ask(sooner(query, self._faster))
            verdict = "inconclusive"
            if holds(metric["successCondition"], result):
                verdict = "successful"
            if holds(metric["failureCondition"], result):
                verdict = "failed"
            found[metric["name"]] = (verdict, result[0] if result else None)
        return found

    def steps(self) -> Iterator[tuple[int, str]]:
        """The share of each step of a canary, in percent, and the analysis that ends it."""
        weight = 0
        for step in self.strategy["canary"]["steps"]:
            assert len(step) == 1
            weight = step.get("setWeight", weight)
            if "analysis" in step:
                [template] = step["analysis"]["templates"]
                yield weight, template["templateName"]

    def verified(self, tag: str, urls: Mapping[str, str]) -> tuple[int, str]:
        """The exit code of the manifest's job before the switch, run from the new image, and what it says."""
        [template] = self.strategy["blueGreen"]["prePromotionAnalysis"]["templates"]
        [metric] = self.analyses[template["templateName"]]["metrics"]
        [container] = metric["provider"]["job"]["spec"]["template"]["spec"]["containers"]
        command = [re.sub(r"=http://(.+)$", lambda name: f"={urls[name[1]]}", word) for word in container["args"]]
        run = sdk.from_env().containers.run(tag, command, **HARDENED)
        try:
            return int(run.wait(timeout=PATIENCE_S)["StatusCode"]), run.logs().decode()
        finally:
            run.remove(force=True)


def holds(condition: str, result: Sequence[float]) -> bool:
    """The conditions of the rendered analyses, in the few words that they use."""
    found = CONDITION.fullmatch(condition)
    assert found, condition
    limit = float(found[2])
    compared = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}[found[1]]
    return bool(result) and compared(result[0], limit)


def wait_until(what: Any, why: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


@dataclass(frozen=True)
class Versions:
    """A service, and its images: with the model before, the next one, and perhaps one that is wrong in silence."""

    built: Built
    tags: Mapping[str, str]
    rows: Sequence[dict[str, Any]]
    versions: Mapping[str, str]
    """Of the models."""


@contextmanager
def versions_of(deployment: str, base: str, folder: Path, *models: str) -> Iterator[Versions]:
    """Built with each of these models, and removed in the end."""
    for program in ("haproxy", "prometheus"):
        if shutil.which(program) is None:
            pytest.skip(f"NO RELEASE WAS REHEARSED ON CONTAINERS: {program} is not installed")
    chosen = service(
        serving="online", deployment=deployment, monitoring="system", feature_store="inline", risk="baseline"
    )
    place = prepare(chosen)
    Built(chosen, place, "").python("-c", MODELS)
    trained = place / "data" / "rehearsal"
    tags, versions = {}, {}
    with ExitStack() as ending:
        for name in models:
            copy = folder / name / NAME
            shutil.copytree(place, copy, ignore=shutil.ignore_patterns("data", "model", ".venv", "__pycache__"))
            shutil.copytree(trained / "models" / "full" / name, copy / "model")
            tags[name] = f"proof/rehearsal-{deployment.replace('_', '-')}-{name}:local"
            build(copy, tags[name], base)
            ending.callback(docker, "image", "rm", "--force", tags[name])
            versions[name] = json.loads((copy / "model" / "signature.json").read_text())["version"]
        rows = json.loads((trained / "rows.json").read_text())
        yield Versions(Built(chosen, folder / "champion" / NAME, ""), tags, rows, versions)


@pytest.fixture(scope="module")
def canary(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """Of a service that is released by steps."""
    with versions_of("canary", base, tmp_path_factory.mktemp("canary"), "champion", "candidate") as found:
        yield found


@pytest.fixture(scope="module")
def blue_green(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """Of a service that is released by a switch."""
    folder = tmp_path_factory.mktemp("blue-green")
    with versions_of("blue_green", base, folder, "champion", "candidate", "bad") as found:
        yield found


@dataclass(frozen=True)
class Stage:
    """All that runs while a release is rehearsed."""

    release: Release
    containers: Mapping[str, Any]

    @property
    def urls(self) -> dict[str, str]:
        """Where a container finds both versions, by the names of their Services."""
        found = {}
        for name, service_name in {"old": NAME, "new": f"{NAME}-preview"}.items():
            self.containers[name].reload()
            address = self.containers[name].attrs["NetworkSettings"]["IPAddress"]
            found[service_name] = f"http://{address}:8080"
        return found

    def stop(self, name: str) -> int:
        """`docker stop`, while callers go on; its exit code."""
        self.containers[name].stop(timeout=30)
        return int(self.containers[name].wait(timeout=PATIENCE_S)["StatusCode"])


@contextmanager
def stage(
    engine: "sdk.DockerClient", versions: Versions, strategy: str, new: str, command: Sequence[str] = ()
) -> Iterator[Stage]:
    """The old version behind the proxy, callers who never stop, and the new version ready beside it."""
    ports = {"old": free_port(), "new": free_port()}
    tags = {"old": versions.tags["champion"], "new": versions.tags[new]}
    with ExitStack() as ending:
        folder = Path(ending.enter_context(TemporaryDirectory(prefix="rehearsal-")))
        containers = {}
        for name, tag in tags.items():
            published = {"8080/tcp": ("127.0.0.1", ports[name])}
            words = list(command) if name == "new" and command else None
            containers[name] = engine.containers.run(tag, words, **HARDENED, ports=published)
            ending.callback(containers[name].remove, force=True)
        for name, port in ports.items():
            wait_until(lambda port=port: ready(port), f"{name} does not become ready: {containers[name].logs()!r}")
        proxy = Proxy(folder, ports)
        ending.callback(proxy.stop)
        prometheus = Prometheus(folder, versions.built, ports, FASTER[strategy])
        ending.callback(prometheus.stop)
        wait_until(lambda: (folder / "admin").exists(), "haproxy does not start")
        load = Load(proxy.url, versions.rows)
        release = Release(versions.built, proxy, prometheus, load, FASTER[strategy])
        release.known()
        with load:
            yield Stage(release, containers)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def none_is_lost(answers: Sequence[Answer], versions: Versions, new: str, *, bad: bool = False) -> None:
    """Every request was answered by a version, with 200 unless the bad one answered, and by the model it should be."""
    assert not [one for one in answers if one.status == 0], "no answer came"
    assert not [one for one in answers if not one.served_by], "the proxy had nobody to ask"
    assert not [one for one in answers if one.status != 200 and not (bad and one.served_by == "new")]
    models = {"old": versions.versions["champion"], "new": versions.versions[new]}
    assert not [one for one in answers if one.status == 200 and one.version != models[one.served_by]]


def share_of_new(answers: Sequence[Answer]) -> float:
    counts = Counter(one.served_by for one in answers)
    return counts["new"] / counts.total()


def in_words(judged: Mapping[str, tuple[str, float | None]]) -> str:
    return ", ".join(f"{name} {value:+.1f}" for name, (_, value) in judged.items() if value is not None)


def last_of(name: str, answers: Sequence[Answer]) -> float:
    """When the last answer of a version had come."""
    return max((one.ended_at for one in answers if one.served_by == name), default=0.0)


def test_a_good_canary_is_promoted_by_its_steps_and_no_request_is_lost(
    engine: "sdk.DockerClient", canary: Versions, record: Record
) -> None:
    shares = []
    with stage(engine, canary, "canary", "candidate") as on:
        time.sleep(SETTLE_S)
        for weight, analysis in on.release.steps():
            on.release.proxy.split(weight)
            began = time.monotonic()
            judged = on.release.judged(analysis)
            assert {verdict for verdict, _ in judged.values()} == {"successful"}, judged
            # What was under way when the weight changed belongs to the step before.
            share = share_of_new(on.release.load.during(began + 0.2, time.monotonic()))
            assert share == pytest.approx(weight / 100, abs=TOLERATED_SHARE)
            shares.append(f"{share:.1%} of {weight} %")
        promoted = time.monotonic()
        on.release.proxy.split(100)
        time.sleep(SETTLE_S)
        ended = on.stop("old")
        time.sleep(SETTLE_S)
    answers = on.release.load.answers
    none_is_lost(answers, canary, "candidate")
    assert ended == 0
    assert last_of("old", answers) - promoted < AT_ONCE_S
    record.facts.append(
        f"A canary release on containers behind HAProxy, {RATE_PER_S} requests a second: {', '.join(shares)} in the"
        " steps of the Rollout, each analysis successful, promoted, the old version stopped under load:"
        f" {len(answers):,} requests, none lost, refused or answered by the wrong model."
    )


def test_a_canary_that_fails_1_in_20_goes_back_by_its_analysis(
    engine: "sdk.DockerClient", canary: Versions, record: Record
) -> None:
    with stage(engine, canary, "canary", "candidate", FAILS_IN_20) as on:
        time.sleep(SETTLE_S)
        weight, analysis = next(on.release.steps())
        on.release.proxy.split(weight)
        began = time.monotonic()
        judged = on.release.judged(analysis)
        decided = time.monotonic()
        assert judged["errors"][0] == "failed", judged
        on.release.proxy.split(0)
        told = time.monotonic()
        time.sleep(SETTLE_S)
        ended = on.stop("new")
        time.sleep(SETTLE_S)
    answers = on.release.load.answers
    none_is_lost(answers, canary, "candidate", bad=True)
    assert ended == 0
    back_s = max(told, last_of("new", answers)) - decided
    assert back_s < AT_ONCE_S
    failed = sum(one.status != 200 for one in answers)
    assert failed > 0
    record.facts.append(
        f"A canary that fails 1 in 20: `errors` lies {judged['errors'][1]:+.1f} margins of error beyond what is"
        f" tolerated after {decided - began:.0f} s at {weight} % (in the cluster {FASTER['canary']} times as long), and"
        f" it goes back: all on the old version {back_s * 1000:.1f} ms after the decision; of"
        f" {len(answers):,} requests the {failed} that it failed itself are all that were not answered."
    )


def until_judged(on: Stage) -> float:
    """Seconds of the old version alone that the analysis after the switch looks back at."""
    [template] = on.release.strategy["blueGreen"]["postPromotionAnalysis"]["templates"]
    metric = on.release.analyses[template["templateName"]]["metrics"][0]
    query = metric["provider"]["prometheus"]["query"]
    [offset], [window] = (set(re.findall(pattern, query)) for pattern in (r"offset (\w+)", r":increase(\w+)\{"))
    back = seconds(offset) + seconds(window) - seconds(metric["initialDelay"])
    return back / FASTER["blue_green"]


def switched(on: Stage, tag: str) -> tuple[float, dict[str, tuple[str, float | None]]]:
    """Verify, switch and judge, as the Rollout says; when the switch was, and what was found."""
    time.sleep(until_judged(on))
    code, said = on.release.verified(tag, on.urls)
    assert code == 0, said
    at = time.monotonic()
    on.release.proxy.split(100)
    [template] = on.release.strategy["blueGreen"]["postPromotionAnalysis"]["templates"]
    return at, on.release.judged(template["templateName"])


def test_a_verified_version_takes_over_at_once_and_stays(
    engine: "sdk.DockerClient", blue_green: Versions, record: Record
) -> None:
    with stage(engine, blue_green, "blue_green", "candidate") as on:
        at, judged = switched(on, blue_green.tags["candidate"])
        assert {verdict for verdict, _ in judged.values()} == {"successful"}, judged
        ended = on.stop("old")
        time.sleep(SETTLE_S)
    answers = on.release.load.answers
    none_is_lost(answers, blue_green, "candidate")
    assert ended == 0
    assert share_of_new([one for one in answers if one.sent_at < at - 0.2]) == 0
    took_s = last_of("old", answers) - at
    assert took_s < AT_ONCE_S
    record.facts.append(
        "A blue/green release in the same way: verified by the job of its manifest, switched, the last answer of the"
        f" old version {max(took_s, 0) * 1000:.0f} ms later, judged ({in_words(judged)} margins of error), the old one"
        f" stopped under load: {len(answers):,} requests, none lost."
    )


def test_a_version_that_fails_after_the_switch_goes_back_by_its_analysis(
    engine: "sdk.DockerClient", blue_green: Versions, record: Record
) -> None:
    with stage(engine, blue_green, "blue_green", "candidate", FAILS_LATER) as on:
        at, judged = switched(on, blue_green.tags["candidate"])
        decided = time.monotonic()
        assert judged["failed"][0] == "failed", judged
        on.release.proxy.split(0)
        told = time.monotonic()
        time.sleep(SETTLE_S)
        ended = on.stop("new")
        time.sleep(SETTLE_S)
    answers = on.release.load.answers
    none_is_lost(answers, blue_green, "candidate", bad=True)
    assert ended == 0
    back_s = max(told, last_of("new", answers)) - decided
    assert back_s < AT_ONCE_S
    failed = sum(one.status != 200 for one in answers)
    assert failed > 0
    record.facts.append(
        f"A version that passes the verification and fails 1 in 20 later: {judged['failed'][1]:+.1f} margins of error"
        f" {decided - at:.0f} s after the switch (in the cluster {FASTER['blue_green']} times as long), and everybody"
        f" is back on the old one {back_s * 1000:.1f} ms after the decision; of {len(answers):,} requests all"
        f" but the {failed} that it failed were answered."
    )


def test_a_model_that_is_wrong_in_silence_is_refused_before_any_caller_meets_it(
    engine: "sdk.DockerClient", blue_green: Versions, record: Record
) -> None:
    with stage(engine, blue_green, "blue_green", "bad") as on:
        code, said = on.release.verified(blue_green.tags["bad"], on.urls)
        ended = on.stop("new")
        time.sleep(SETTLE_S)
    assert code == 1
    assert "refused" in said
    assert ended == 0
    answers = on.release.load.answers
    none_is_lost(answers, blue_green, "bad")
    assert share_of_new(answers) == 0
    reason = said.strip().splitlines()[-1]
    record.facts.append(f"A model that is wrong in silence is never switched to; the job says: {reason}.")
