"""Two builds of the same service without a cache: the same files, and the same layers where possible."""

import json
import re
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import docker as sdk
import pytest

from proof.containers.engine import docker
from proof.containers.services import build, prepare, service
from proof.containers.tests.conftest import Record

TELLS_THE_TIME = re.compile(r"app/\.venv/.*\.dist-info/(uv_cache\.json|RECORD)")
"""uv notes when it built the service's own package, and the hash of that note."""


@pytest.fixture
def tags(base: str, engine: "sdk.DockerClient") -> Iterator[list[str]]:
    """The images of two builds without a cache."""
    assert engine.ping()
    folder = prepare(service(serving="online", deployment="rolling", feature_store="inline", risk="baseline"))
    names = ["proof/first:local", "proof/second:local"]
    for name in names:
        build(folder, name, base, "--no-cache")
    yield names
    docker("image", "rm", "--force", *names)


def test_two_builds_hold_the_same_files(tags: list[str], tmp_path: Path, record: Record) -> None:
    first, second = (files(tag, tmp_path / "image.tar") for tag in tags)
    assert first.keys() == second.keys()
    different = [name for name in first if first[name] != second[name]]
    assert not [name for name in different if not TELLS_THE_TIME.fullmatch(name)]
    assert len(different) <= 2
    layers = [json.loads(docker("image", "inspect", tag))[0]["RootFS"]["Layers"] for tag in tags]
    record.facts.append(
        f"Two builds without a cache: {len(first) - len(different):,} of {len(first):,} files have the same content and"
        f" rights; {len(different)} tell when uv built the package. Layers carry times, too, so"
        f" {sum(one in layers[1] for one in layers[0])} of {len(layers[0])} are the same to the byte."
    )


def files(tag: str, archive: Path) -> dict[str, tuple[str, int]]:
    """Hash and mode of each file of an image; where a link leads."""
    container = docker("create", tag).strip()
    try:
        docker("export", "--output", archive, container)
        with tarfile.open(archive) as tar:
            found = {}
            for one in tar:
                if one.isfile() and (file := tar.extractfile(one)):
                    found[one.name] = (sha256(file.read()).hexdigest(), one.mode)
                elif one.issym():
                    found[one.name] = (one.linkname, one.mode)
            return found
    finally:
        docker("rm", container)
        archive.unlink(missing_ok=True)
