"""What clusters and builders read of services in which every two choices meet; `make prove-containers` takes all."""

import shutil
import subprocess
from pathlib import Path

import pytest

from proof.containers import policy
from proof.containers.kubernetes import PACKAGES, Overlays, SchemaError, build_all, custom, problems
from proof.pairs import all_pairs
from proof.rendering import Renderer
from proof.services import Service


@pytest.fixture(scope="module")
def services(plain_template: Path) -> list[Service]:
    renderer = Renderer(plain_template)
    return [renderer.render(chosen) for chosen in all_pairs(renderer.catalogue)]


@pytest.fixture(scope="module")
def built(services: list[Service]) -> Overlays:
    if not shutil.which("kubectl"):
        pytest.skip("NO OVERLAY WAS BUILT: kubectl is not installed")
    return build_all(services)


def test_objects_of_kubernetes_pass_strict_schemas(built: Overlays) -> None:
    core = [one for one in built.objects.values() if one["apiVersion"] not in PACKAGES]
    assert {"Deployment", "CronJob", "NetworkPolicy"} <= {one["kind"] for one in core}
    assert [problem for one in core for problem in problems(one)] == []


def test_custom_resources_pass_strict_schemas(built: Overlays) -> None:
    others = [one for one in built.objects.values() if one["apiVersion"] in PACKAGES]
    assert {"Rollout", "AnalysisTemplate"} <= {one["kind"] for one in others}
    try:
        for version in PACKAGES:
            custom(version)
    except SchemaError as error:
        pytest.skip(f"NO CUSTOM RESOURCE WAS CHECKED: {error}")
    assert [problem for one in others for problem in problems(one)] == []


def test_policies_hold_and_names_labels_and_ports_agree(built: Overlays) -> None:
    assert [problem for one in built.objects.values() for problem in policy.insecure(one)] == []
    assert built.disagreements == []


def test_every_dockerfile_is_lint_free(services: list[Service], tmp_path: Path) -> None:
    found = {service.files["Dockerfile"] for service in services}
    assert len(found) > 10
    for number, content in enumerate(sorted(found)):
        (tmp_path / f"{number}.Dockerfile").write_bytes(content)
    ran = subprocess.run(["hadolint", *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
