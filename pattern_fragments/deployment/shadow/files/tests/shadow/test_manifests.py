"""The candidate's workload: the service's in all but its name, out of everybody's reach."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from __package__.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))
overlays = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)


def objects(folder: Path) -> list[dict[str, Any]]:
    return [
        document
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]


def pod(folder: Path) -> dict[str, Any]:
    """The pod template of the workload; other jobs of the service have names of their own."""
    kinds = ("Deployment", "CronJob")
    names = (CHAMPION, CANDIDATE)
    [spec] = [
        one["spec"]
        for one in objects(folder)
        if one["kind"] in kinds and one["metadata"]["name"] in names
    ]
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    template: dict[str, Any] = spec["template"]
    return template


# The names of other jobs of the service begin with its own.
CHAMPION: str = min(
    one["metadata"]["name"] for one in objects(DEPLOY / "base") if one["kind"] == "NetworkPolicy"
)
CANDIDATE = f"{CHAMPION}-shadow"
SHADOW = objects(DEPLOY / "shadow" / "base")


def test_its_pods_keep_the_same_rules_as_those_of_the_service() -> None:
    champion, candidate = pod(DEPLOY / "base")["spec"], pod(DEPLOY / "shadow" / "base")["spec"]
    # Who owns volumes is a matter of the volumes that each has.
    same, own = (
        {name: value for name, value in one["securityContext"].items() if "fsGroup" not in name}
        for one in (champion, candidate)
    )
    assert own == same
    assert candidate["automountServiceAccountToken"] is False
    [mine], [its] = champion["containers"], candidate["containers"]
    assert its["securityContext"] == mine["securityContext"]
    assert its["resources"] == mine["resources"]
    assert its["image"] == mine["image"]


def test_no_selector_of_the_service_finds_its_pods() -> None:
    assert pod(DEPLOY / "base")["metadata"]["labels"] == {"app.kubernetes.io/name": CHAMPION}
    labels = pod(DEPLOY / "shadow" / "base")["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/name": CANDIDATE}


def test_it_has_an_identity_of_its_own() -> None:
    [account] = [one for one in SHADOW if one["kind"] == "ServiceAccount"]
    assert account["metadata"]["name"] == CANDIDATE
    assert account["automountServiceAccountToken"] is False
    assert pod(DEPLOY / "shadow" / "base")["spec"]["serviceAccountName"] == CANDIDATE
    assert pod(DEPLOY / "base")["spec"]["serviceAccountName"] == CHAMPION


def test_it_has_no_secret_of_the_champion() -> None:
    def secrets(folder: Path) -> set[str]:
        spec = pod(folder)["spec"]
        [container] = spec["containers"]
        sources = [one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"]]
        mounted = {one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one}
        return mounted | {source["name"] for source in sources if source}

    assert not secrets(DEPLOY / "base") & secrets(DEPLOY / "shadow" / "base")


def test_every_way_out_of_the_service_s_pods_is_one_of_its_pods() -> None:
    def ways_out(documents: list[dict[str, Any]], name: str) -> list[Any]:
        rules = [
            rule
            for one in documents
            if one["kind"] == "NetworkPolicy"
            and one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
            for rule in one["spec"].get("egress", [])
        ]
        return sorted(rules, key=str)

    mine = ways_out(SHADOW, CANDIDATE)
    assert all(rule in mine for rule in ways_out(objects(DEPLOY / "base"), CHAMPION))


def test_callers_are_not_let_in() -> None:
    policies = [one["spec"] for one in SHADOW if one["kind"] == "NetworkPolicy"]
    named = [
        one
        for one in policies
        if one["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == CANDIDATE
    ]
    assert any("Ingress" in one["policyTypes"] for one in named)
    services = [one for one in SHADOW if one["kind"] == "Service"]
    if services:
        peers = [peer for one in named for rule in one.get("ingress", []) for peer in rule["from"]]
        only = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": CHAMPION}}}
        assert peers == [only]


@overlays
def test_it_has_the_settings_of_the_service(overlay: Path) -> None:
    champion = (overlay / "settings.env").read_text().splitlines()
    candidate = (DEPLOY / "shadow" / overlay.name / "settings.env").read_text().splitlines()
    assert set(champion) <= set(candidate)
    names = {f"SERVICE_{name.upper()}" for name in Settings.model_fields}
    assert {line.partition("=")[0] for line in candidate} <= names


@overlays
def test_it_stands_in_the_namespace_of_the_service(overlay: Path) -> None:
    namespaces = {
        yaml.safe_load((folder / "kustomization.yaml").read_text())["namespace"]
        for folder in (overlay, DEPLOY / "shadow" / overlay.name)
    }
    assert len(namespaces) == 1


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@overlays
def test_it_builds_with_a_pinned_image_and_its_settings(overlay: Path) -> None:
    built = subprocess.run(  # noqa: S603 - a folder of this repository
        ["kubectl", "kustomize", DEPLOY / "shadow" / overlay.name],  # noqa: S607 - on the PATH
        capture_output=True,
        text=True,
        check=True,
    )
    documents = list(yaml.safe_load_all(built.stdout))
    [settings] = [one for one in documents if one["kind"] == "ConfigMap"]
    assert f"name: {settings['metadata']['name']}" in built.stdout.partition("envFrom")[2]
    assert "image: " in built.stdout
    assert all(
        line.rpartition(":")[2][0].isdigit()
        for line in built.stdout.splitlines()
        if line.strip().removeprefix("- ").startswith("image:")
    )
