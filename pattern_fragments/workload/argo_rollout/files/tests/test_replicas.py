"""Which pods there are and how many, and that settings and selectors reach them."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
ROLLOUT: dict[str, Any] = yaml.safe_load((DEPLOY / "base" / "rollout.yaml").read_text())


def labels_of_pods(document: Any) -> Iterator[dict[str, str]]:
    """The labels of every pod that a manifest describes, however deep it stands there."""
    if isinstance(document, dict):
        if "template" in document:
            yield document["template"]["metadata"]["labels"]
        for value in document.values():
            yield from labels_of_pods(value)
    elif isinstance(document, list):
        for value in document:
            yield from labels_of_pods(value)


LABELS = [
    labels
    for path in (DEPLOY / "base").glob("*.yaml")
    for labels in labels_of_pods(yaml.safe_load(path.read_text()))
]
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))
overlays = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)


@pytest.mark.parametrize(
    "path", sorted((DEPLOY / "base").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_selector_finds_pods(path: Path) -> None:
    spec = yaml.safe_load(path.read_text()).get("spec", {})
    selectors = [spec[key] for key in ("selector", "podSelector") if key in spec]
    for selector in selectors:
        wanted = selector.get("matchLabels", selector)
        assert wanted
        assert any(wanted.items() <= labels.items() for labels in LABELS)


def test_pods_that_never_become_ready_are_taken_back_but_may_wait_for_a_node() -> None:
    assert ROLLOUT["spec"]["progressDeadlineAbort"] is True
    assert ROLLOUT["spec"]["progressDeadlineSeconds"] >= 600


def test_the_way_back_is_not_judged_against_the_version_that_is_bad() -> None:
    revisions = ROLLOUT["spec"]["rollbackWindow"]["revisions"]
    assert 0 < revisions <= ROLLOUT["spec"]["revisionHistoryLimit"]


def test_the_script_watches_longer_than_the_cluster_waits_for_pods() -> None:
    script = (DEPLOY / "rollout.py").read_text()
    [watched] = re.findall(r'"--timeout", type=float, default=(\d+)', script)
    workflow = yaml.safe_load((DEPLOY.parent / ".github/workflows/deploy.yaml").read_text())
    allowed = 60 * workflow["jobs"]["rollout"]["timeout-minutes"]
    assert ROLLOUT["spec"]["progressDeadlineSeconds"] < int(watched) < allowed


def test_whoever_may_deploy_may_decide_while_a_run_watches() -> None:
    path = DEPLOY.parent / ".github/workflows/deploy.yaml"
    # YAML reads the key `on` as true.
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    commands = workflow[True]["workflow_dispatch"]["inputs"]["command"]["options"]
    assert commands == ["apply", "promote", "promote --full", "abort"]
    assert workflow["concurrency"]["cancel-in-progress"] is True
    assert '"$ENVIRONMENT" $COMMAND' in path.read_text()


def test_no_text_names_a_deployment_that_is_not_there() -> None:
    for page in sorted((DEPLOY.parent / "docs").rglob("*.md")):
        assert f"deployment/{ROLLOUT['metadata']['name']}" not in page.read_text(), page


@overlays
def test_the_autoscaler_and_a_fixed_number_of_replicas_exclude_each_other(overlay: Path) -> None:
    documents = [yaml.safe_load(path.read_text()) for path in overlay.rglob("*.yaml")]
    scaled = [
        document["spec"]["scaleTargetRef"]
        for document in documents
        if document["kind"] == "HorizontalPodAutoscaler"
    ]
    fixed = [
        document
        for document in documents
        if document["kind"] == "Rollout" and "replicas" in document["spec"]
    ]
    assert len(scaled) + len(fixed) == 1
    name = {"name": ROLLOUT["metadata"]["name"]}
    assert scaled in ([], [{"apiVersion": ROLLOUT["apiVersion"], "kind": "Rollout", **name}])


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@overlays
def test_a_changed_setting_is_a_new_version(overlay: Path) -> None:
    built = subprocess.run(  # noqa: S603 - a folder of this repository
        ["kubectl", "kustomize", overlay],  # noqa: S607 - whichever is on the PATH
        capture_output=True,
        text=True,
        check=True,
    )
    documents = {each["kind"]: each for each in yaml.safe_load_all(built.stdout)}
    [container] = documents["Rollout"]["spec"]["template"]["spec"]["containers"]
    settings = documents["ConfigMap"]["metadata"]["name"]
    assert container["envFrom"] == [{"configMapRef": {"name": settings}}]
    assert settings != ROLLOUT["metadata"]["name"] + "-settings"
