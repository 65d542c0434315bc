"""Every overlay of every service builds, and every object is what strict schemas allow."""

import copy
import json
import shutil

import pytest

from proof.containers.kubernetes import (
    MINORS,
    Object,
    SchemaError,
    build,
    custom,
    deployment,
    problems,
    write_deployment,
)
from proof.containers.services import FOLDER
from proof.everything import to_render
from proof.rendering import Renderer
from proof.template import copy_template

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="NOTHING WAS BUILT: kubectl is not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Object]]:
    """How many overlays were built, and each object of all of them once."""
    template = FOLDER / "template"
    copy_template(template)
    renderer = Renderer(template)
    seen: set[str] = set()
    objects: dict[str, Object] = {}
    overlays = 0
    for chosen in to_render(renderer):
        service = renderer.render(chosen)
        key = deployment(service)
        if key in seen:
            continue
        seen.add(key)
        folder = tmp_path_factory.mktemp("service")
        write_deployment(service, folder)
        for path in sorted(folder.rglob("kustomization.yaml")):
            if path.parent.name != "base":
                overlays += 1
                objects |= {json.dumps(one, sort_keys=True): one for one in build(path.parent)}
        shutil.rmtree(folder)
    return overlays, objects


@pytest.fixture(scope="module")
def schemas() -> None:
    """Those of custom resources."""
    try:
        custom("argoproj.io/v1alpha1")
    except SchemaError as error:
        pytest.skip(f"NO CUSTOM RESOURCE WAS CHECKED: {error}")


@pytest.mark.usefixtures("schemas")
def test_every_object_of_every_overlay_passes_strict_schemas(built: tuple[int, dict[str, Object]]) -> None:
    overlays, objects = built
    found = [problem for one in objects.values() for problem in problems(one)]
    assert not found, "\n".join(found[:20])
    kinds = {one["kind"] for one in objects.values()}
    assert {"Deployment", "Rollout", "CronJob", "AnalysisTemplate", "NetworkPolicy", "PersistentVolumeClaim"} <= kinds
    FOLDER.mkdir(parents=True, exist_ok=True)
    summary = {"overlays": overlays, "objects": len(objects), "minors": MINORS, "kinds": sorted(kinds)}
    (FOLDER / "manifests.json").write_text(json.dumps(summary))


@pytest.mark.usefixtures("schemas")
@pytest.mark.parametrize("kind", ["Deployment", "Rollout", "CronJob", "AnalysisTemplate"])
def test_a_misspelt_field_is_found(kind: str, built: tuple[int, dict[str, Object]]) -> None:
    one = copy.deepcopy(next(one for one in built[1].values() if one["kind"] == kind))
    assert not list(problems(one))
    one["spec"]["replcas"] = 1
    assert list(problems(one))


@pytest.mark.usefixtures("schemas")
def test_an_unknown_kind_is_found() -> None:
    for version in ("argoproj.io/v1alpha1", "v1"):
        assert list(problems({"apiVersion": version, "kind": "Rolout", "metadata": {"name": "x"}}))
