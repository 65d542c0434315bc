"""A failing combination is told with the command that makes it and with what the nearest passing one has different."""

from pathlib import Path

import pytest

from proof.rendering import Renderer
from proof.report import explain, nearest
from proof.services import Service


@pytest.fixture(scope="module")
def renderer(wide_template: Path) -> Renderer:
    return Renderer(wide_template)


def service(
    renderer: Renderer, *monitoring: str, deployment: str = "rolling", feature_store: str = "inline"
) -> Service:
    chosen = {
        "primary_function": ("predict",),
        "serving": ("online",),
        "deployment": (deployment,),
        "monitoring": monitoring,
        "feature_store": (feature_store,),
    }
    return renderer.render(chosen)


def test_it_names_the_command_and_the_nearest_passing_service(renderer: Renderer) -> None:
    failing = service(renderer, "system")
    passing = [service(renderer, deployment="split", feature_store="remote"), service(renderer, deployment="split")]
    assert nearest(failing.chosen, [one.chosen for one in passing]) == passing[1].chosen
    told = explain(renderer.catalogue, failing, ["README.md:3: is wrong."], passing[1])
    assert told.startswith("README.md:3: is wrong.\n")
    assert (
        "Make it: .venv/bin/copier copy --vcs-ref HEAD --defaults --data 'guidance=direct' "
        "--data 'primary_function=predict' --data 'serving=online' --data 'deployment=rolling' "
        "--data 'monitoring=[system]' --data 'feature_store=inline' . build/"
    ) in told
    assert "  deployment: split instead of rolling\n  monitoring: none instead of system\n" in told
    assert "feature_store:" not in told
    assert "  docs/runbook.md: only here\n" in told


def test_it_shows_the_lines_of_a_file_that_a_problem_names(renderer: Renderer) -> None:
    told = explain(renderer.catalogue, service(renderer, "system"), ["patterns.lock:9: is wrong."], service(renderer))
    assert '    +id = "ML-MON-001"\n' in told
    assert "  README.md\n" in told


def test_without_a_passing_service_it_says_so(renderer: Renderer) -> None:
    assert "No service passes" in explain(renderer.catalogue, service(renderer), ["x"], None)
