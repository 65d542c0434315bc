"""compose.yaml as it is rendered: a service of each style with its real parts, used, and stopped amid its work."""

import ipaddress
import itertools
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker as sdk
import httpx
import pytest
import yaml

from proof.containers.composition import Composition, compose
from proof.containers.engine import EngineError, client, docker
from proof.containers.part_images import provide
from proof.containers.services import NAME, PACKAGE, Built, build, prepare, service
from proof.containers.tests.conftest import Record

PATIENCE_S = 90.0
DAYS = ("2013-07-01", "2013-07-02", "2013-07-03")
"""Those that the domain brings a sample of."""
PREDICTIONS = 200
EVENTS = 4_000
BACKLOG = 20_000
"""Events that are seconds of work: some are left when everything is taken down at once."""
URL = "http://127.0.0.1:8080"
PROMETHEUS = "http://127.0.0.1:9090"
BROKER = "redis://127.0.0.1:6379"
PUBLISH = f"""
import asyncio, itertools, sys
from {PACKAGE}.settings import read_settings
from {PACKAGE}.streaming.broker import Streams, shared_broker
from {PACKAGE}.streaming.sample_events import sample_events

async def publish():
    settings = read_settings()
    broker = shared_broker(settings)
    await broker.open()
    for start in range(0, len(events), 500):
        await broker.publish(Streams.of(settings).events, events[start : start + 500])
    await broker.close()

events = list(itertools.islice(sample_events(), int(sys.argv[1])))
asyncio.run(publish())
print(*(event.key for event in events))
"""
"""Events onto the stream, and their ids onto the output."""
PREDICTED = f"""
import json, redis
for _, row in redis.Redis.from_url("{BROKER}").xrange("predictions"):
    [body] = [value for value in row.values() if value.startswith(b"{{") and b"event_id" in value]
    print(json.loads(body)["data"]["event_id"])
"""


@dataclass
class Composed:
    """A service that Compose has started."""

    built: Built
    composition: Composition
    engine: "sdk.DockerClient"
    left_out: list[str] = field(default_factory=list)

    def container(self, name: str = NAME) -> Any:
        """The container of one of the services in compose.yaml."""
        return self.engine.containers.get(self.composition.container(name))


@contextmanager
def composed(engine: "sdk.DockerClient", base: str, folder: Path, **answers: str) -> Iterator[Composed]:
    """A service in a folder of its own, its image built and those of its parts at hand; gone in the end."""
    try:
        compose()
    except EngineError as error:
        pytest.skip(f"NO SERVICE WAS COMPOSED: {error}")
    chosen = service(**{"feature_store": "inline", "risk": "baseline", **answers})
    place = folder / NAME
    shutil.copytree(prepare(chosen), place, ignore=shutil.ignore_patterns("data", ".venv", "__pycache__"))
    composition = Composition(place, f"proof-{folder.name.replace('_', '-')[:30]}")
    for host, port in composition.published():
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((host, port))
            except OSError:
                pytest.skip(f"NO SERVICE WAS COMPOSED: port {port}, which compose.yaml publishes, is in use")
    with ExitStack() as ending:
        tag = composition.services[NAME]["image"]
        ending.callback(_give_back, tag, docker("image", "ls", "--quiet", "--no-trunc", tag).strip())
        build(place, tag, base)
        found = Composed(Built(chosen, place, tag), composition, engine)
        for name, part in composition.services.items():
            if name != NAME:
                try:
                    brought = provide(part["image"])
                except EngineError as error:
                    if name != "grafana":
                        pytest.skip(f"NO {answers['serving'].upper()} SERVICE WAS COMPOSED: {error}")
                    found.left_out.append(name)
                    continue
                if brought:
                    ending.callback(docker, "image", "rm", "--force", part["image"])
        ending.callback(composition.down, "--volumes", "--timeout", "20")
        yield found


def _give_back(tag: str, before: str) -> None:
    """Remove the image, or let its name stand for what it stood for before."""
    docker("image", "rm", "--force", tag)
    if before:
        docker("tag", before, tag)


def wait_until(what: Callable[[], bool], why: str) -> None:
    """Until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.3)


def queried(query: str) -> float | None:
    """The one value of a query to Prometheus; None while there is none."""
    answer = httpx.get(f"{PROMETHEUS}/api/v1/query", params={"query": query}, timeout=5).json()
    rows = answer["data"]["result"]
    assert len(rows) <= 1, rows
    return float(rows[0]["value"][1]) if rows else None


def rules_of(folder: Path) -> list[str]:
    """The names in the file of rules."""
    groups = yaml.safe_load((folder / "deploy" / "monitoring" / "alerts.yaml").read_text())["groups"]
    return sorted(rule.get("alert") or rule["record"] for group in groups for rule in group["rules"])


def rules_are_loaded_and_healthy(folder: Path) -> int:
    """Wait until Prometheus has evaluated each of the rendered rules; how many there are."""

    def loaded() -> list[dict[str, Any]]:
        groups = httpx.get(f"{PROMETHEUS}/api/v1/rules", timeout=5).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    assert sorted(rule["name"] for rule in loaded()) == rules_of(folder)
    wait_until(lambda: all(rule["health"] != "unknown" for rule in loaded()), "a rule was not evaluated")
    assert not [rule for rule in loaded() if rule["health"] != "ok" or rule.get("lastError")]
    return len(loaded())


def only_this_machine_reaches(made: Composed) -> int:
    """Each published port listens on loopback, and no other address of this machine has it; how many there are."""
    subnet = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Subnet"]
    outside = str(next(ipaddress.ip_network(subnet).hosts()))
    ports: list[dict[str, str]] = []
    for name in made.composition.services:
        if made.composition.container(name):
            for rows in made.container(name).ports.values():
                ports += rows or []
    assert ports
    for row in ports:
        assert row["HostIp"] == "127.0.0.1"
        socket.create_connection(("127.0.0.1", int(row["HostPort"])), timeout=5).close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((outside, int(row["HostPort"])), timeout=5)
    return len(ports)


def is_locked_down(made: Composed) -> None:
    """The service's container has what compose.yaml says, and the kernel holds to it."""
    wanted, container = made.composition.services[NAME], made.container()
    host = container.attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == wanted["security_opt"] == ["no-new-privileges:true"]
    assert host["PidsLimit"] == wanted["pids_limit"]
    assert host["Memory"] == int(wanted["mem_limit"].removesuffix("m")) * 2**20
    assert host["NanoCpus"] == wanted["cpus"] * 10**9
    said = container.exec_run(["sh", "-c", "id -u; echo x > /app/x; echo x > /tmp/x && echo written"]).output.decode()
    assert "10001" in said
    assert "Read-only file system" in said
    assert "written" in said


def stopped_by_down(made: Composed, *options: str) -> int:
    """The exit code of the service when Compose takes everything down, containers and network."""
    waiting = subprocess.Popen([client(), "wait", made.composition.container(NAME)], stdout=subprocess.PIPE, text=True)
    made.composition.down(*options)
    said, _ = waiting.communicate(timeout=PATIENCE_S)
    assert not made.engine.containers.list(
        all=True, filters={"label": f"com.docker.compose.project={made.composition.name}"}
    )
    return int(said)


@pytest.fixture(scope="module")
def online(engine: "sdk.DockerClient", base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """A service that answers, with Prometheus beside it."""
    folder = tmp_path_factory.mktemp("online")
    with composed(engine, base, folder, serving="online", monitoring="system", deployment="canary") as made:
        made.composition.up(*(name for name in made.composition.services if name not in made.left_out))
        yield made


def example(headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The row that the service's description gives as an example."""
    body = httpx.get(f"{URL}/openapi.json", headers=headers).json()["paths"]["/predict"]["post"]["requestBody"]
    row: dict[str, Any] = body["content"]["application/json"]["examples"]["one row"]["value"]
    return row


def test_what_a_caller_gets_stands_in_prometheus_and_every_rule_is_healthy(online: Composed, record: Record) -> None:
    row = example()
    with httpx.Client(base_url=URL) as caller:
        for _ in range(PREDICTIONS):
            [prediction] = caller.post("/predict", json=row).raise_for_status().json()["predictions"]
            assert 0 <= prediction["probability"] <= 1
    counted = f'sum(predictions_total{{job="{NAME}"}})'
    started = time.monotonic()
    wait_until(lambda: queried(counted) == PREDICTIONS, f"{counted} is {queried(counted)}, not {PREDICTIONS}")
    seen_s = time.monotonic() - started
    assert queried(f'up{{job="{NAME}", namespace="{NAME}"}}') == 1
    rules = rules_are_loaded_and_healthy(online.built.folder)
    record.facts.append(
        f"compose.yaml of an online service, as rendered: {PREDICTIONS} predictions through the published port, all of"
        f" them counted by its Prometheus {seen_s:.0f} s later; all {rules} generated rules loaded and healthy."
    )


def test_ci_s_test_of_the_rules_runs_as_it_is_written(online: Composed) -> None:
    steps = yaml.safe_load((online.built.folder / ".github/workflows/ci.yaml").read_text())["jobs"]
    [command] = [
        step["run"] for job in steps.values() for step in job["steps"] if "promtool prometheus" in step.get("run", "")
    ]
    command = command.replace("docker compose", " ".join(compose()))
    ran = subprocess.run(
        ["sh", "-ec", command],
        cwd=online.built.folder,
        env=online.composition.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SUCCESS") == len(list(online.built.folder.glob("deploy/monitoring/tests/*.yaml")))


def test_the_dashboard_is_there(online: Composed) -> None:
    if "grafana" in online.left_out:
        pytest.skip("NO DASHBOARD WAS SHOWN: Grafana's image cannot be pulled, and no program here can stand in for it")
    [panels] = httpx.get("http://127.0.0.1:3000/api/search", params={"type": "dash-db"}).json()
    assert NAME in panels["title"]


def test_it_is_locked_down_and_reached_from_this_machine_alone(online: Composed, record: Record) -> None:
    is_locked_down(online)
    ports = only_this_machine_reaches(online)
    record.facts.append(
        f"Its {ports} published ports answer on loopback and refuse on another address of the machine; the service has"
        " the read-only root, the user, the limits and the lack of capabilities that compose.yaml asks for."
    )


def test_taken_down_under_load_it_answers_what_it_took_and_ends_with_0(online: Composed, record: Record) -> None:
    """The last of its tests: afterwards nothing runs."""
    row, answered, turned_away, lost = example(), 0, 0, []
    is_over = threading.Event()
    [network] = online.container().attrs["NetworkSettings"]["Networks"].values()
    # Not by the published port: the engine's proxy still takes connections there when the service no longer does.
    url = f"http://{network['IPAddress']}:8080"

    def call() -> None:
        nonlocal answered, turned_away
        # A connection for each request: an idle one may be closed at any time, and then nothing was taken.
        with httpx.Client(base_url=url, limits=httpx.Limits(max_keepalive_connections=0), timeout=10) as caller:
            while not is_over.is_set():
                try:
                    caller.post("/predict", json=row).raise_for_status()
                    answered += 1
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    is_over.wait(0.05)
                except (httpx.ReadError, httpx.RemoteProtocolError) as error:
                    # Connected when the service ceased to listen, and closed before a byte of it was read or answered.
                    if re.search("reset by peer|without sending a response", str(error)) is None:
                        lost.append(repr(error))
                    turned_away += 1
                except httpx.HTTPError as error:
                    lost.append(repr(error))

    with httpx.Client() as probe:
        try:
            probe.get(f"{url}/readyz").raise_for_status()
        except httpx.TransportError:
            pytest.skip("NO SERVICE WAS STOPPED UNDER LOAD: this machine has no way to the addresses of containers")
    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    time.sleep(1.5)
    started = time.monotonic()
    ended = stopped_by_down(online)
    took_s = time.monotonic() - started
    is_over.set()
    for caller in callers:
        caller.join()
    assert ended == 0
    online.composition.up("prometheus")
    kept = f'max_over_time(sum(predictions_total{{job="{NAME}"}})[15m:5s])'
    wait_until(lambda: (queried(kept) or 0) >= PREDICTIONS, "Prometheus has forgotten what it had counted")
    online.composition.down()
    assert answered > 100
    assert not lost
    # One for each caller at most, at the one moment when it closes. A proxy asks again: test_rehearsals.py loses none.
    assert turned_away <= len(callers)
    record.facts.append(
        f"`docker compose down` amid {answered:,} requests of four callers: exit code 0 after {took_s:.1f} s, no answer"
        f" cut or wrong; {turned_away} callers met the socket as it closed. What Prometheus had counted outlasts it."
    )


def test_where_callers_are_known_the_key_that_compose_yaml_says_to_make_is_taken(
    engine: "sdk.DockerClient", base: str, tmp_path: Path
) -> None:
    with composed(engine, base, tmp_path, serving="online", deployment="rolling", risk="elevated") as made:
        key = made.built.python("-m", f"{PACKAGE}.keys", "add", "probe").split()[-1]
        subprocess.run(["chmod", "a+r", "keys/callers.json"], cwd=made.built.folder, check=True)
        made.composition.up(NAME)
        is_locked_down(made)
        known = {"authorization": f"Bearer {key}"}
        row = example(known)
        assert httpx.post(f"{URL}/predict", json=row).status_code == 401
        answer = httpx.post(f"{URL}/predict", json=row, headers=known)
        assert answer.status_code == 200, answer.text
        assert made.container().exec_run(["sh", "-c", f"echo x > /etc/{NAME}/keys/callers.json"]).exit_code != 0
        assert stopped_by_down(made) == 0


def test_a_stream_is_predicted_whole_though_everything_is_taken_down_in_its_middle(
    engine: "sdk.DockerClient", base: str, tmp_path: Path, record: Record
) -> None:
    with composed(engine, base, tmp_path, serving="streaming", monitoring="system") as made:
        parts = [name for name in made.composition.services if name not in made.left_out]
        made.composition.up(*parts)
        is_locked_down(made)
        only_this_machine_reaches(made)
        rules = rules_are_loaded_and_healthy(made.built.folder)
        published = publish(made, EVENTS)
        counted = f'sum(predictions_total{{job="{NAME}"}})'
        wait_until(lambda: queried(counted) == EVENTS, f"{counted} is {queried(counted)}, not {EVENTS}")
        assert predicted(made) == published
        made.composition.run("pause", NAME)
        published |= publish(made, BACKLOG)
        made.composition.run("unpause", NAME)
        assert stopped_by_down(made) == 0
        made.composition.up("broker")
        done = len(predicted(made)) - EVENTS
        assert 0 < done < BACKLOG, "nothing was kept, or nothing was left to do"
        made.composition.up(*parts)
        wait_until(lambda: predicted(made) >= published, "events are lost")
        assert predicted(made) == published
        assert stopped_by_down(made, "--volumes") == 0
    record.facts.append(
        f"compose.yaml of a streaming service: {EVENTS:,} events on its Redis, a prediction for each, all counted by"
        f" Prometheus, {rules} rules healthy; {BACKLOG:,} more, and everything taken down after {done:,} of them:"
        " exit code 0, and once it was up again none was missing."
    )


def publish(made: Composed, events: int) -> set[str]:
    """Events through the published port of the broker; their ids."""
    return set(made.built.python("-c", PUBLISH, str(events), broker_url=BROKER).split())


def predicted(made: Composed) -> set[str]:
    """The ids of the events that have a prediction."""
    return set(made.built.python("-c", PREDICTED).split())


def test_days_are_scored_and_what_they_report_stands_in_prometheus(
    engine: "sdk.DockerClient", base: str, tmp_path: Path, record: Record
) -> None:
    with composed(engine, base, tmp_path, serving="batch", monitoring="system") as made:
        made.composition.up(*(name for name in made.composition.services if name not in (NAME, *made.left_out)))
        only_this_machine_reaches(made)
        data = made.built.folder / "data"
        made.built.python("-m", f"{PACKAGE}.sample_input")
        for path in (data, *data.rglob("*")):
            # As the README says: `chmod -R a+rwX data`.
            path.chmod(0o777 if path.is_dir() else 0o666)
        command = ("python", "-m", f"{PACKAGE}.score", "--from", DAYS[0], "--to", DAYS[-1], "--report")
        started = time.monotonic()
        made.composition.run("run", "--rm", NAME, *command)
        took_s = time.monotonic() - started
        manifests = [json.loads((data / f"output/date={day}/manifest.json").read_text()) for day in DAYS]
        rows = sum(manifest["scored"] for manifest in manifests)
        assert rows > 0
        assert all(row["rows"] == row["scored"] + row["quarantined"] for row in manifests)
        rules = rules_are_loaded_and_healthy(made.built.folder)
        pushed = f'sum(predictions_total{{job="{NAME}", namespace="{NAME}"}})'
        wait_until(lambda: bool(queried(pushed)), f"{pushed} has no value")
        counted = queried(pushed)
        # The same days once more: nothing to do, and what was published stays.
        made.composition.run("run", "--rm", NAME, *command)
        assert manifests == [json.loads((data / f"output/date={day}/manifest.json").read_text()) for day in DAYS]
        made.composition.down()
        assert sum(1 for _ in data.glob("output/date=*/*.parquet")) >= len(DAYS)
    record.facts.append(
        f"compose.yaml of a batch service: {len(DAYS)} days, {rows:,} rows, scored in {took_s:.0f} s; {counted:,.0f}"
        f" predictions came by its Pushgateway to its Prometheus; {rules} rules healthy."
    )


def test_compose_accepts_each_version_of_the_file(tmp_path: Path, record: Record) -> None:
    try:
        compose()
    except EngineError as error:
        pytest.skip(f"NO COMPOSE FILE WAS READ: {error}")
    found = {}
    for style, risk in itertools.product(("online", "batch", "streaming"), ("baseline", "elevated")):
        # The simplest service has no monitoring; what else is chosen adds nothing to the file.
        for one in (service(serving=style, risk=risk), service(serving=style, risk=risk, monitoring="system")):
            found[one.files["compose.yaml"]] = one
    for number, one in enumerate(found.values()):
        folder = tmp_path / str(number)
        one.write(folder)
        (folder / "keys").mkdir(exist_ok=True)
        composition = Composition(folder, f"proof-{number}")
        assert {host for host, _ in composition.published()} <= {"127.0.0.1"}
    record.facts.append(f"Compose reads all {len(found)} versions of compose.yaml; each publishes on loopback alone.")
