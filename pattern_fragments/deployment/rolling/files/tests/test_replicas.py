"""How many pods there are, and that a rollout takes none away."""

from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
DEPLOYMENT: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / "deployment.yaml").read_text())
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))


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
