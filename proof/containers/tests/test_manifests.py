"""Every overlay of every service builds, its objects are what strict schemas and a platform allow, and they agree."""

import copy
import shutil

import pytest

from proof.containers import policy
from proof.containers.kubernetes import MINORS, Overlays, SchemaError, build_all, custom, problems
from proof.containers.services import renderer
from proof.containers.tests.conftest import Record
from proof.everything import to_render

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="NOTHING WAS BUILT: kubectl is not installed")


@pytest.fixture(scope="module")
def built() -> Overlays:
    """The overlays of all services."""
    return build_all(renderer().render(chosen) for chosen in to_render(renderer()))


@pytest.fixture(scope="module")
def schemas() -> None:
    """Those of custom resources."""
    try:
        custom("argoproj.io/v1alpha1")
    except SchemaError as error:
        pytest.skip(f"NO CUSTOM RESOURCE WAS CHECKED: {error}")


@pytest.mark.usefixtures("schemas")
def test_every_object_of_every_overlay_passes_strict_schemas(built: Overlays, record: Record) -> None:
    found = [problem for one in built.objects.values() for problem in problems(one)]
    assert not found, "\n".join(found[:20])
    kinds = {one["kind"] for one in built.objects.values()}
    assert {"Deployment", "Rollout", "CronJob", "AnalysisTemplate", "NetworkPolicy", "PersistentVolumeClaim"} <= kinds
    record.facts.append(
        f"{built.count:,} overlays were built by kustomize. Their {len(built.objects):,} distinct objects pass the"
        f" strict schemas of Kubernetes {MINORS[0]} to {MINORS[-1]} and of Argo Rollouts, the restricted Pod Security"
        " Standard, and the checks that names, labels and ports agree."
    )


def test_every_pod_keeps_to_the_restricted_standard_and_says_what_it_needs(built: Overlays) -> None:
    found = [problem for one in built.objects.values() for problem in policy.insecure(one)]
    assert not found, "\n".join(found[:20])


def test_names_labels_and_ports_agree_within_an_environment(built: Overlays) -> None:
    assert not built.disagreements, "\n".join(built.disagreements[:20])


@pytest.mark.usefixtures("schemas")
@pytest.mark.parametrize("kind", ["Deployment", "Rollout", "CronJob", "AnalysisTemplate"])
def test_a_misspelt_field_is_found(kind: str, built: Overlays) -> None:
    one = copy.deepcopy(next(one for one in built.objects.values() if one["kind"] == kind))
    assert not list(problems(one))
    one["spec"]["replcas"] = 1
    assert list(problems(one))


@pytest.mark.usefixtures("schemas")
def test_an_unknown_kind_is_found() -> None:
    for version in ("argoproj.io/v1alpha1", "v1"):
        assert list(problems({"apiVersion": version, "kind": "Rolout", "metadata": {"name": "x"}}))
