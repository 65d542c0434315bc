"""The Kubernetes manifests agree with each other and with the service."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.settings import Settings

DEPLOY = Path(__file__).parents[1] / "deploy"
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))
OBJECTS: list[dict[str, Any]] = [
    document
    for path in sorted(DEPLOY.glob("base/*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
SELECTORS = {"selector", "podSelector"}
overlays = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)


def only(kind: str) -> dict[str, Any]:
    [found] = [document for document in OBJECTS if document["kind"] == kind]
    return found


@pytest.fixture
def pod() -> dict[str, Any]:
    template: dict[str, Any] = only("Deployment")["spec"]["template"]
    return template


@pytest.mark.parametrize(
    "document",
    [document for document in OBJECTS if SELECTORS & set(document.get("spec", ()))],
    ids=lambda document: document["kind"],
)
def test_every_selector_finds_the_pods(document: dict[str, Any], pod: dict[str, Any]) -> None:
    spec = document["spec"]
    selector = spec.get("selector") or spec["podSelector"]
    labels = selector.get("matchLabels", selector)
    assert labels
    assert labels.items() <= pod["metadata"]["labels"].items()


def test_the_pod_keeps_the_restricted_security_standard(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_pod_has_no_way_into_the_kubernetes_api(pod: dict[str, Any]) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["serviceAccountName"] == only("ServiceAccount")["metadata"]["name"]


def test_every_container_states_what_it_needs_and_may_take(pod: dict[str, Any]) -> None:
    for container in pod["spec"]["containers"]:
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}


def test_the_user_of_the_pod_is_the_user_of_the_image(pod: dict[str, Any]) -> None:
    security = pod["spec"]["securityContext"]
    user = f"USER {security['runAsUser']}:{security['runAsGroup']}\n"
    assert user in (DEPLOY.parent / "Dockerfile").read_text()


def test_a_rollout_never_takes_capacity_away() -> None:
    assert only("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@overlays
def test_every_setting_of_an_environment_is_one_of_the_service(overlay: Path) -> None:
    names = {f"SERVICE_{name.upper()}" for name in Settings.model_fields}
    lines = (overlay / "settings.env").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines} <= names


@overlays
def test_the_autoscaler_and_a_fixed_number_of_replicas_exclude_each_other(overlay: Path) -> None:
    documents = [yaml.safe_load(path.read_text()) for path in overlay.rglob("*.yaml")]
    scaled = [
        document["spec"]["scaleTargetRef"]["name"]
        for document in documents
        if document["kind"] == "HorizontalPodAutoscaler"
    ]
    fixed = [
        document["metadata"]["name"]
        for document in documents
        if document["kind"] == "Deployment" and "replicas" in document["spec"]
    ]
    assert [*scaled, *fixed] == [only("Deployment")["metadata"]["name"]]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@overlays
def test_an_overlay_builds_with_a_pinned_image_and_its_settings(overlay: Path) -> None:
    built = subprocess.run(  # noqa: S603 - a folder of this repository
        ["kubectl", "kustomize", overlay],  # noqa: S607 - whichever is on the PATH
        capture_output=True,
        text=True,
        check=True,
    )
    documents = {document["kind"]: document for document in yaml.safe_load_all(built.stdout)}
    [container] = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    tag = container["image"].rpartition(":")[2]
    assert tag[0].isdigit() or "@sha256:" in container["image"]
    [source] = container["envFrom"]
    assert source["configMapRef"]["name"] == documents["ConfigMap"]["metadata"]["name"]
