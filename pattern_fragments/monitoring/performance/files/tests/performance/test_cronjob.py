"""The job that computes the figures: the command, in the image, apart from the service."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.performance.__main__ import main

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "base"


@pytest.fixture
def template() -> dict[str, Any]:
    job = yaml.safe_load((BASE / "performance.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    found: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]
    return found


@pytest.fixture
def service() -> dict[str, Any]:
    """The workload that answers the callers, of whatever kind it is."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(BASE.glob("*.yaml"))]
    [found] = [each["spec"] for each in documents if each["kind"] in {"Deployment", "Rollout"}]
    return dict(found)


def test_it_runs_the_command_in_the_services_image_and_with_its_settings(
    template: dict[str, Any], service: dict[str, Any]
) -> None:
    [mine], [its] = template["spec"]["containers"], service["template"]["spec"]["containers"]
    assert mine["args"] == ["python", "-m", "__package__.performance"]
    for same in ("image", "envFrom", "securityContext"):
        assert mine[same] == its[same]
    # Who owns volumes is a matter of the service: the job mounts none of them.
    context = service["template"]["spec"]["securityContext"].items()
    same_context = {name: value for name, value in context if not name.startswith("fsGroup")}
    assert template["spec"]["securityContext"] == same_context
    assert template["spec"]["restartPolicy"] == "Never"


def test_no_request_reaches_it(template: dict[str, Any], service: dict[str, Any]) -> None:
    wanted = service["selector"]["matchLabels"]
    assert not wanted.items() <= template["metadata"]["labels"].items()


def test_it_reaches_names_and_an_object_store_and_nothing_else(template: dict[str, Any]) -> None:
    text = (ROOT / "deploy" / "base" / "performance-networkpolicy.yaml").read_text()
    policy = yaml.safe_load(text)["spec"]
    assert policy["podSelector"]["matchLabels"] == template["metadata"]["labels"]
    assert policy["ingress"] == []
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443}


def test_until_its_places_are_named_it_says_that_nothing_was_predicted_and_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the image only /tmp can be written."""
    text = (ROOT / "Dockerfile").read_text()
    for name, value in re.findall(r"(SERVICE_[A-Z_]+)=/tmp(/\S+)", text):
        monkeypatch.setenv(name, f"{tmp_path}{value}")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()  # in a folder that is not there any more nobody can write
    assert main([]) == 0
    assert "nothing was predicted in that time" in capsys.readouterr().out
