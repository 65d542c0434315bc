"""The everyday part of the proof: every combination rendered and checked, and services with every choice tested."""

from pathlib import Path

import pytest

from hooks.space import Combination
from proof.checks.linting import lint, title
from proof.everything import check, explained, to_render
from proof.pairs import all_pairs, fewest
from proof.rendering import Renderer
from proof.running import environment
from proof.running.runner import FOLDER, run_tests
from proof.services import Service


@pytest.fixture(scope="module")
def renderer(plain_template: Path) -> Renderer:
    return Renderer(plain_template)


@pytest.fixture(scope="module")
def combinations(renderer: Renderer) -> list[Combination]:
    return to_render(renderer)


@pytest.fixture(scope="module")
def array(renderer: Renderer) -> list[Service]:
    """Services in which every two choices meet that can."""
    return [renderer.render(chosen) for chosen in all_pairs(renderer.catalogue)]


def test_every_combination_renders_and_passes_every_check(renderer: Renderer, combinations: list[Combination]) -> None:
    checked = check(renderer.root, combinations)
    assert checked.services == len(combinations)
    if checked.failures:
        pytest.fail("\n\n".join(explained(renderer, combinations, checked)), pytrace=False)


def test_every_distinct_file_is_formatted_and_linted_and_those_of_the_array_are_typed(
    renderer: Renderer, combinations: list[Combination], array: list[Service]
) -> None:
    every = (renderer.render(chosen) for chosen in combinations)
    found = lint(every, FOLDER / "lint", environment.python(), typed=array)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_the_tests_of_services_in_which_every_choice_occurs_pass(array: list[Service]) -> None:
    # `make prove` runs those of the whole array, and of every core combination.
    services = fewest(array)
    outcomes = run_tests(services, slow_once=True)
    assert {title(one.service) for one in outcomes} == {title(service) for service in services}
    failed = [f"{one.module} of {title(one.service)}:\n{one.output}" for one in outcomes if one.failed]
    if failed:
        pytest.fail("\n\n".join(failed), pytrace=False)
    assert sum(one.passed for one in outcomes) > 200 * len(services)
