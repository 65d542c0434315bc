"""The job that computes the figures: the command, in the image, apart from the service."""

from pathlib import Path
from typing import Any

import pytest
import yaml

BASE = Path(__file__).parents[2] / "deploy" / "base"


@pytest.fixture
def template() -> dict[str, Any]:
    job = yaml.safe_load((BASE / "performance.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    found: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]
    return found


@pytest.fixture
def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BASE / "deployment.yaml").read_text())["spec"]
    return found


def test_it_runs_the_command_in_the_services_image_and_with_its_settings(
    template: dict[str, Any], service: dict[str, Any]
) -> None:
    [mine], [its] = template["spec"]["containers"], service["template"]["spec"]["containers"]
    assert mine["args"] == ["python", "-m", "__package__.performance"]
    for same in ("image", "envFrom", "securityContext"):
        assert mine[same] == its[same]
    assert template["spec"]["securityContext"] == service["template"]["spec"]["securityContext"]
    assert template["spec"]["restartPolicy"] == "Never"


def test_no_request_reaches_it(template: dict[str, Any], service: dict[str, Any]) -> None:
    wanted = service["selector"]["matchLabels"]
    assert not wanted.items() <= template["metadata"]["labels"].items()
