"""Ports and probes mean the same in manifests, compose file and service."""

from pathlib import Path
from typing import Any

import yaml

from __package__.settings import Settings

ROOT = Path(__file__).parents[1]
BASE = ROOT / "deploy" / "base"
ROLLOUT = yaml.safe_load((BASE / "rollout.yaml").read_text())
[CONTAINER] = ROLLOUT["spec"]["template"]["spec"]["containers"]
PORTS: dict[str, int] = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
PROBES: list[dict[str, Any]] = [value for key, value in CONTAINER.items() if key.endswith("Probe")]


def test_the_container_s_port_is_the_port_of_the_service() -> None:
    assert PORTS["http"] == Settings.model_fields["port"].default


def test_the_compose_file_leads_to_the_port_of_the_service() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    [mapping] = services[ROLLOUT["metadata"]["name"]]["ports"]
    assert mapping.rpartition(":")[2] == str(PORTS["http"])


def test_every_probe_asks_for_a_path_that_the_service_has() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    asked = [probe["httpGet"] for probe in PROBES if "httpGet" in probe]
    assert asked
    for request in asked:
        assert request["port"] in {*PORTS, *PORTS.values()}
        assert f'"{request["path"]}"' in source


def test_liveness_is_not_readiness() -> None:
    assert CONTAINER["livenessProbe"]["httpGet"] != CONTAINER["readinessProbe"]["httpGet"]
