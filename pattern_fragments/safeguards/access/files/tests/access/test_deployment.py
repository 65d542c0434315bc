"""The image asks for keys, the cluster and Compose bring them, and the repository holds none."""

from pathlib import Path
from typing import Any

import yaml

from __package__.keys import DEFAULT_FILE

ROOT = Path(__file__).parents[2]
OBJECTS: list[dict[str, Any]] = [
    document
    for path in sorted((ROOT / "deploy").rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
    if isinstance(document, dict)
]
[KEYS_FILE] = [
    Path(line.partition("=")[2])
    for line in (ROOT / "Dockerfile").read_text().splitlines()
    if line.startswith("ENV SERVICE_KEYS_FILE=")
]


def test_a_pod_finds_the_file_of_the_image_in_a_secret_that_it_may_read() -> None:
    pods = [one["spec"]["template"]["spec"] for one in OBJECTS if "template" in one.get("spec", {})]
    listening = [
        (pod, container)
        for pod in pods
        for container in pod.get("containers", [])
        if "ports" in container
    ]
    assert listening
    for pod, container in listening:
        mounts = {one["name"]: one for one in container["volumeMounts"]}
        secrets = [one for one in pod["volumes"] if "secret" in one]
        [volume] = [one for one in secrets if KEYS_FILE.name in names_of(one["secret"])]
        mount = mounts[volume["name"]]
        assert mount["readOnly"] is True
        assert "subPath" not in mount, "a file that is mounted by a subPath never changes"
        [item] = volume["secret"]["items"]
        assert Path(mount["mountPath"]) / item["path"] == KEYS_FILE
        assert volume["secret"]["defaultMode"] == 0o440
        assert "optional" not in volume["secret"]
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def names_of(secret: dict[str, Any]) -> list[str]:
    """The files that a mounted Secret becomes."""
    return [item["path"] for item in secret.get("items", [])]


def test_no_manifest_is_a_secret() -> None:
    assert not [one for one in OBJECTS if one.get("kind") == "Secret"]


def test_compose_mounts_the_folder_that_the_command_writes() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    [volume] = [
        one
        for service in compose["services"].values()
        for one in service.get("volumes", [])
        if isinstance(one, dict)
    ]
    assert Path(volume["source"]) == DEFAULT_FILE.parent
    assert Path(volume["target"]) / DEFAULT_FILE.name == KEYS_FILE
    assert volume["read_only"] is True
    assert volume["bind"]["create_host_path"] is False


def test_the_file_enters_neither_the_repository_nor_the_image() -> None:
    assert f"/{DEFAULT_FILE.parent}/" in (ROOT / ".gitignore").read_text().splitlines()
    kept = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!") and line[1:].startswith(("*", str(DEFAULT_FILE.parent)))
    ]
    assert kept == []
