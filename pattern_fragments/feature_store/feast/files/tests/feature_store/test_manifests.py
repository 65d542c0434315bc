"""What brings the online store up to date in a cluster agrees with the service."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.settings import Settings

ROOT = Path(__file__).parents[2]
JOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy/features/base/cronjob.yaml").read_text())
POD = JOB["spec"]["jobTemplate"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]
ENVIRONMENTS = sorted((ROOT / "deploy/overlays").iterdir())


def test_it_runs_a_command_of_the_image_with_settings_of_the_service() -> None:
    python, option, module = CONTAINER["args"]
    assert (python, option) == ("python", "-m")
    assert (ROOT / "src" / f"{module.replace('.', '/')}.py").exists()
    names = {f"SERVICE_{name.upper()}" for name in Settings.model_fields}
    assert {variable["name"] for variable in CONTAINER["env"]} <= names


@pytest.mark.parametrize("overlay", ENVIRONMENTS, ids=lambda overlay: str(overlay.name))
def test_each_environment_has_a_job_in_its_namespace_with_the_image_of_its_service(
    overlay: Path,
) -> None:
    service, job = (
        yaml.safe_load((folder / "kustomization.yaml").read_text())
        for folder in (overlay, ROOT / "deploy/features" / overlay.name)
    )
    assert job["namespace"] == service["namespace"]
    assert [image["name"] for image in job["images"]] == [
        image["name"] for image in service["images"]
    ]
    assert job["resources"] == ["../base"]


def test_what_an_alert_says_of_the_features_stands_on_a_panel() -> None:
    """Without system metrics there are no panels of them."""
    alerts, dashboards = (
        "".join(path.read_text() for path in ROOT.glob(f"deploy/monitoring/{name}"))
        for name in ("alerts.yaml", "dashboard.json")
    )
    figures = set(re.findall(r"\bfeature_[a-z_]+_seconds", alerts))
    shown = set(re.findall(r"\bfeature_[a-z_]+_seconds", dashboards))
    assert not shown or figures <= shown


def test_no_two_runs_meet_and_each_interval_has_one() -> None:
    assert JOB["spec"]["concurrencyPolicy"] == "Forbid"
    minute, *every = JOB["spec"]["schedule"].split()
    assert minute.isdecimal()
    assert every == ["*"] * 4


def test_no_caller_of_the_service_is_sent_to_its_pod() -> None:
    [policy] = yaml.safe_load_all((ROOT / "deploy/base/networkpolicy-features.yaml").read_text())
    service = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
    assert POD["metadata"]["labels"]["app.kubernetes.io/name"] != service


def test_the_pod_keeps_the_restricted_security_standard() -> None:
    security = POD["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    user = f"USER {security['runAsUser']}:{security['runAsGroup']}\n"
    assert user in (ROOT / "Dockerfile").read_text()
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"] is True
    assert CONTAINER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert POD["spec"]["automountServiceAccountToken"] is False
