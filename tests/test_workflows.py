"""Workflows of services, of the guide and of this repository: valid, pinned, without rights that they do not need."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from proof.containers.workflows import of_service, problems
from proof.pairs import all_pairs
from proof.rendering import Renderer

GOOD = """\
name: x
on: push
permissions:
  contents: read
jobs:
  a:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - run: make test
"""
DEFECTS = {
    "an action by a tag": ("3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "v7", "without its commit and version"),
    "a commit whose version is not said": (" # v7.0.1", "", "without its commit and version"),
    "rights for every job": ("contents: read", "contents: write", "more than contents: read"),
    "rights that nobody named": ("permissions:\n  contents: read\n", "", "more than contents: read"),
    "a job without an end": ("    timeout-minutes: 5\n", "", "the job a has no timeout-minutes"),
    "an expression in a command": ("make test", "echo ${{ github.head_ref }}", "puts an expression into a command"),
    "an unknown key": ("    runs-on", "    runs_on", "'runs-on' is a required property"),
    "credentials that stay": ("persist-credentials: false", "fetch-depth: 1", "artipacked"),
    "a stranger's code with this repository's rights": ("on: push", "on: pull_request_target", "dangerous-triggers"),
}


@pytest.fixture(scope="module")
def renderer(plain_template: Path) -> Renderer:
    return Renderer(plain_template)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_a_workflow_is_found(defect: str) -> None:
    old, new, finding = DEFECTS[defect]
    assert old in GOOD
    found = problems([(".github/workflows/x.yaml", GOOD.replace(old, new, 1))])
    assert [one for one in found if finding in one], found


def test_a_good_workflow_passes() -> None:
    assert problems([(".github/workflows/x.yaml", GOOD)]) == []


def test_every_workflow_that_two_choices_can_give_is_clean(renderer: Renderer) -> None:
    chosen = all_pairs(renderer.catalogue)
    workflows = {row for one in chosen for row in of_service(renderer.render(one).files).items()}
    assert len({path for path, _ in workflows}) >= 4
    assert problems(sorted(workflows)) == []


def test_the_workflows_of_the_guide_and_of_this_repository_are_clean() -> None:
    own = [(path.name, path.read_text()) for path in (ROOT / ".github/workflows").iterdir()]
    guide = re.findall(r"```yaml\n(name: .*?)```", (ROOT / "docs/fleet.md").read_text(), re.DOTALL)
    assert len(own) >= 2
    assert guide
    everything = [*own, *((f"guide-{number}.yaml", text) for number, text in enumerate(guide))]
    assert problems([(f".github/workflows/{name}", text) for name, text in everything]) == []
