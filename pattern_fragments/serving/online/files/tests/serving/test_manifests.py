"""The Service of the cluster leads to this one."""

from pathlib import Path

import yaml

from __package__.settings import Settings

BASE = Path(__file__).parents[2] / "deploy" / "base"


def test_it_leads_to_the_port_that_the_service_listens_on() -> None:
    service = yaml.safe_load((BASE / "service.yaml").read_text())
    [port] = service["spec"]["ports"]
    documents = [yaml.safe_load(path.read_text()) for path in BASE.glob("*.yaml")]
    [pod] = [one["spec"]["template"] for one in documents if "template" in one.get("spec", {})]
    [container] = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[port["targetPort"]] == Settings.model_fields["port"].default
