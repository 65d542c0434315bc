"""Which pods there are and how many, and that a rollout takes none away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
DEPLOYMENT: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / "deployment.yaml").read_text())
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))


@pytest.mark.parametrize(
    "path", sorted((DEPLOY / "base").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_selector_finds_pods(path: Path) -> None:
    spec = yaml.safe_load(path.read_text()).get("spec", {})
    selectors = [spec[key] for key in ("selector", "podSelector") if key in spec]
    pods = [labels for other in path.parent.glob("*.yaml") for labels in labels_of_pods(other)]
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] in pods
    for selector in selectors:
        wanted = selector.get("matchLabels", selector)
        assert wanted
        assert any(wanted.items() <= labels.items() for labels in pods)


def labels_of_pods(path: Path) -> Iterator[dict[str, str]]:
    """Those of the pod templates in a manifest, of jobs by the clock too."""
    spec = yaml.safe_load(path.read_text()).get("spec", {})
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    if "template" in spec:
        yield spec["template"]["metadata"]["labels"]


def test_a_rollout_never_takes_capacity_away() -> None:
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
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
    assert [*scaled, *fixed] == [DEPLOYMENT["metadata"]["name"]]
