"""Services as those meet them who mean harm: fuzzed, attacked under load, and searched for what must not be there."""

import json
import re
import stat
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from proof.containers import fuzz_parser
from proof.containers.attacks import ATTACKS, LEFT_OPEN, Target
from proof.containers.processes import key, started
from proof.containers.services import FOLDER, PACKAGE, Built, prepare, renderer, service
from proof.containers.tests.conftest import Record
from proof.pairs import all_pairs

SERVED: dict[str, dict[str, str | tuple[str, ...]]] = {
    "open": {"serving": "online", "deployment": "rolling", "risk": "baseline", "feature_store": "inline"},
    "guarded": {"serving": "online", "deployment": "canary", "risk": "regulated", "feature_store": "inline"},
}
HEADER_TIMEOUT_S, REQUEST_TIMEOUT_S = 3, 5
"""Shorter than by default, or the attacks would have to last as long as they are given."""
ATTACK_S = 8.0
CALLERS = 4
MOST_SLOWED_S = 1.0
"""That one ordinary request in a hundred may take while the service is attacked."""
MOST_GROWN_MB = 96.0
SCHEMATHESIS = "schemathesis>=4,<5"
FUZZING = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 413, 415, 422, 429]
"""
FUZZ_PARSER = Path(fuzz_parser.__file__)
MADE_UP, SENT = 20_000, 500
WHERE_ONE_LIES = "secretName: |the Secret `"
"""In manifests and pages: where a secret lies, and not what it is."""
EXAMPLES = "^(password|secret|a,1=|a%2C1%3D|cannot be read)$"
"""In tests, and in what shows how a URL is written."""
KNOWN_VULNERABLE = "urllib3==1.26.4"
"""To see whether a source of vulnerabilities knows any."""


@dataclass(frozen=True)
class Attacked:
    """A service that runs, and how to reach it."""

    image: Built
    address: str
    headers: dict[str, str]
    log: Path

    @property
    def target(self) -> Target:
        """For attacks."""
        parts = urlsplit(self.address)
        assert parts.hostname
        assert parts.port
        return Target(parts.hostname, parts.port, self.headers, self.row)

    @property
    def row(self) -> dict[str, object]:
        """A row that gets a prediction."""
        openapi = httpx.get(f"{self.address}/openapi.json", headers=self.headers).json()
        body = openapi["paths"]["/predict"]["post"]["requestBody"]
        row: dict[str, object] = body["content"]["application/json"]["examples"]["one row"]["value"]
        return row

    def memory_mb(self) -> float:
        """What the process holds in memory now."""
        status = Path(f"/proc/{self._process()}/status").read_text()
        [kilobytes] = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(kilobytes) / 1e3

    def _process(self) -> int:
        """Who listens on the port."""
        port = f"{urlsplit(self.address).port:04X}"
        tcp = Path("/proc/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in tcp]
        [inode] = {row[9] for row in rows if row[1].endswith(f":{port}") and row[3] == "0A"}
        for path in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                if str(path.readlink()) == f"socket:[{inode}]":
                    return int(path.parts[2])
            except OSError:
                continue
        raise RuntimeError(f"nobody listens on {self.address}")


@pytest.fixture(scope="module", params=SERVED)
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A service of each kind, started as its image starts it."""
    chosen = service(**SERVED[request.param])
    image = Built(chosen, prepare(chosen), "")
    folder = tmp_path_factory.mktemp("attacked")
    settings = {
        "SERVICE_PORT": "0",
        "SERVICE_HEADER_TIMEOUT_S": str(HEADER_TIMEOUT_S),
        "SERVICE_REQUEST_TIMEOUT_S": str(REQUEST_TIMEOUT_S),
    }
    if image.has("safeguards", "audit_log"):
        settings["SERVICE_AUDIT_DIR"] = str(folder / "audit")
    headers = key(image, folder, settings) if image.has("safeguards", "access") else {}
    with started(image, folder, settings) as address:
        yield Attacked(image, address, headers, folder / "log")
    assert "Traceback" not in (folder / "log").read_text()


def test_it_answers_as_its_description_says_whatever_it_is_asked(
    attacked: Attacked, tmp_path: Path, record: Record
) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(FUZZING)
    command = ["uv", "tool", "run", "--quiet", "--from", SCHEMATHESIS, "schemathesis", "--config-file", str(settings)]
    options = ["--seed", "1", "--max-examples", "200", "--checks", "all"]
    # What a description in JSON Schema cannot say (the second timestamp after the first) is refused, too.
    options += ["--exclude-checks", "positive_data_acceptance"]
    options += [part for name, value in attacked.headers.items() for part in ("--header", f"{name.title()}: {value}")]
    if subprocess.run([*command[:7], "--version"], capture_output=True, check=False).returncode:
        pytest.skip("NO REQUEST WAS MADE UP: schemathesis cannot be fetched")
    command += ["run", f"{attacked.address}/openapi.json", *options]
    # It keeps what it found where it runs.
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, "\n".join(line[:300] for line in ran.stdout.splitlines()[-60:])
    [generated] = re.findall(r"(\d+) generated", ran.stdout)
    assert int(generated) > 100
    record.facts.append(
        f"{attacked.image.title}: {generated} requests that schemathesis made up from its OpenAPI were answered as it"
        " describes, none with 5xx."
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_under_attack_others_are_served(attacked: Attacked, name: str, record: Record) -> None:
    attack, expected = ATTACKS[name]
    if expected <= {"401", "429"} and not attacked.headers:
        pytest.skip("it asks nobody for a key")
    before = attacked.memory_mb()
    calm = ordinary(attacked, seconds=3.0)
    outcomes: Counter[str] = Counter()
    attacker = threading.Thread(target=lambda: outcomes.update(attack(attacked.target, ATTACK_S)))
    attacker.start()
    slowed = ordinary(attacked, seconds=ATTACK_S)
    attacker.join()
    grown = attacked.memory_mb() - before
    assert outcomes.total() > outcomes[LEFT_OPEN]
    assert outcomes.keys() - {LEFT_OPEN} <= expected, outcomes
    assert len(slowed) > CALLERS * ATTACK_S
    assert p99(slowed) < MOST_SLOWED_S
    assert grown < MOST_GROWN_MB
    tried = ", ".join(f"{count:,} {what}" for what, count in sorted(outcomes.items()) if count)
    record.facts.append(
        f"{attacked.image.title}, {name} ({tried}): the {len(slowed):,} requests of others were all answered, 99 % of"
        f" them within {p99(slowed) * 1e3:.0f} ms ({p99(calm) * 1e3:.0f} ms before); memory grew by {grown:.0f} MB."
    )


def ordinary(attacked: Attacked, seconds: float) -> list[float]:
    """How long each request of ordinary callers took, in s; fails when one of them was not answered."""
    took: list[float] = []
    failed: list[object] = []
    row = attacked.row
    until = time.monotonic() + seconds

    def ask() -> None:
        with httpx.Client(base_url=attacked.address, headers=attacked.headers, timeout=30) as client:
            while time.monotonic() < until:
                begun = time.perf_counter()
                try:
                    answer = client.post("/predict", json=row)
                except httpx.TransportError as error:
                    failed.append(error)
                    continue
                took.append(time.perf_counter() - begun)
                if answer.status_code != 200:
                    failed.append(answer.text)
                time.sleep(0.02)

    callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not failed, failed[:3]
    return took


def p99(took: Sequence[float]) -> float:
    """99 of 100 took at most so long."""
    return sorted(took)[int(len(took) * 0.99)]


def test_the_binary_parser_answers_or_refuses_whatever_it_is_given(attacked: Attacked, record: Record) -> None:
    settings = {"audit_dir": attacked.log.parent / "fuzzed"} if attacked.image.has("safeguards", "audit_log") else {}
    said = attacked.image.python(FUZZ_PARSER, PACKAGE, "7", str(MADE_UP), str(SENT), **settings)
    found = json.loads(said.splitlines()[-1])
    ended: dict[str, int] = found["ended"]
    assert ended.keys() <= {"200", "400", "413", "422"}
    # Requests that are all refused at the first look would prove little.
    assert ended["200"] > MADE_UP / 20
    assert ended["400"] > MADE_UP / 20
    model = httpx.get(f"{attacked.address}/openapi.json", headers=attacked.headers).json()["info"]["title"]
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=attacked.address, headers=attacked.headers, timeout=30) as client:
        for body, length in found["first"]:
            headers = {"content-type": "application/octet-stream", "inference-header-content-length": length}
            answer = client.post(f"/v2/models/{model}/infer", content=bytes.fromhex(body), headers=headers)
            statuses[answer.status_code] += 1
    assert statuses.keys() <= {200, 400, 413, 422, 429}, statuses
    ends = ", ".join(f"{count:,} {status}" for status, count in sorted(ended.items()))
    record.facts.append(
        f"{attacked.image.title}: {MADE_UP:,} requests with binary tensors, changed up to four times ({ends}), and"
        f" {SENT} of them over HTTP: each answered or refused, nothing else raised."
    )


# --- Searched


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every distinct file of services in which every two choices meet."""
    folder = tmp_path_factory.mktemp("written")
    files = {row for chosen in all_pairs(renderer().catalogue) for row in renderer().render(chosen).files.items()}
    for number, (name, content) in enumerate(sorted(files)):
        path = folder / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return folder


def test_no_file_holds_a_secret(written: Path, tmp_path: Path, record: Record) -> None:
    # Put together here, or this file would hold one itself.
    (tmp_path / "planted.py").write_text(
        'AWS = "AKIA' + 'IOSFODNN7EXAMPLF"\nKEY = "-----BEGIN ' + 'RSA PRIVATE KEY-----"\n'
    )
    assert len(secrets_in(tmp_path)) >= 2
    found = secrets_in(written)
    assert not found, found[:10]
    record.facts.append(
        f"{sum(path.is_file() for path in written.rglob('*')):,} distinct files of services: no secret by"
        " detect-secrets."
    )


def secrets_in(folder: Path) -> list[str]:
    """What detect-secrets finds; digests, which are random by nature, are not looked at."""
    command = ["uv", "tool", "run", "--quiet", "--from", "detect-secrets>=1.5,<2", "detect-secrets", "scan"]
    options = ["--all-files", "--disable-plugin", "HexHighEntropyString", "--disable-plugin", "Base64HighEntropyString"]
    options += ["--exclude-lines", WHERE_ONE_LIES, "--exclude-secrets", EXAMPLES]
    ran = subprocess.run([*command, *options, str(folder)], cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.skip("NO SECRET WAS LOOKED FOR: detect-secrets cannot be fetched")
    rows = json.loads(ran.stdout)["results"]
    return [f"{path}:{one['line_number']}: {one['type']}" for path, found in rows.items() for one in found]


def test_files_belong_to_their_owner_and_only_scripts_are_executable(tmp_path: Path) -> None:
    renderer()
    command = ["copier", "copy", "--quiet", "--defaults", "--data", "project_name=flight-delays"]
    subprocess.run([*command, FOLDER / "template", tmp_path / "service"], check=True, capture_output=True)
    files = [path for path in (tmp_path / "service").rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path for path in files if path.stat().st_mode & (stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID)]
    executable = [path for path in files if path.stat().st_mode & stat.S_IXUSR]
    assert not [path for path in executable if not path.read_bytes().startswith(b"#!")]


def test_each_exception_from_the_rules_of_bandit_has_its_reason(written: Path) -> None:
    [*settings] = written.glob("*/pyproject.toml")
    assert all('"S"' in path.read_text() for path in settings)
    excused = [
        f"{path.relative_to(written)}: {line.strip()}"
        for path in written.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"# noqa:.*\bS\d{3}", line)
    ]
    assert excused
    assert not [line for line in excused if not re.search(r"# noqa: [A-Z0-9, ]+ - \w+", line)]


def test_no_dependency_has_a_known_vulnerability(tmp_path: Path, record: Record) -> None:
    chosen = service(**SERVED["guarded"])
    folder = prepare(chosen)
    export = ["uv", "export", "--quiet", "--frozen", "--no-emit-project", "--no-hashes", "--no-default-groups"]
    listed = subprocess.run(export, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert listed.count("==") > 10
    if not vulnerable(KNOWN_VULNERABLE, tmp_path):
        pytest.skip(f"NO VULNERABILITY WAS LOOKED FOR: no source that can be reached knows any of {KNOWN_VULNERABLE}")
    assert vulnerable(listed, tmp_path) == []
    record.facts.append(f"{listed.count('==')} packages of a service: no known vulnerability, by pip-audit.")


def vulnerable(requirements: str, folder: Path) -> list[str]:
    """The packages of which pip-audit knows a vulnerability; none where it cannot be asked."""
    file = folder / "requirements.txt"
    file.write_text(requirements + "\n")
    command = ["uv", "tool", "run", "--quiet", "--from", "pip-audit>=2.9,<3", "pip-audit", "--format", "json"]
    options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--requirement", str(file)]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if not ran.stdout.startswith("{"):
        return []
    return [row["name"] for row in json.loads(ran.stdout)["dependencies"] if row.get("vulns")]
