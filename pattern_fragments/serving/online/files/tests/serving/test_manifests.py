"""The Service of the cluster leads to this one."""

from pathlib import Path

import yaml

from __package__.settings import Settings

BASE = Path(__file__).parents[2] / "deploy" / "base"


def test_it_leads_to_the_port_that_the_service_listens_on() -> None:
    service = yaml.safe_load((BASE / "service.yaml").read_text())
    [port] = service["spec"]["ports"]
    [workload] = [
        document
        for document in map(yaml.safe_load, (path.read_text() for path in BASE.glob("*.yaml")))
        if document["kind"] not in {"Kustomization", "Service"} and "template" in document["spec"]
    ]
    [container] = workload["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[port["targetPort"]] == Settings.model_fields["port"].default
