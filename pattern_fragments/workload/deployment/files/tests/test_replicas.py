"""Which pods there are and how many, and that a rollout takes none away."""

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
def test_every_selector_finds_the_pods(path: Path) -> None:
    spec = yaml.safe_load(path.read_text()).get("spec", {})
    selectors = [spec[key] for key in ("selector", "podSelector") if key in spec]
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    for selector in selectors:
        wanted = selector.get("matchLabels", selector)
        assert wanted
        assert wanted.items() <= labels.items()


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
