"""The proof's own way of rendering: what Copier writes, each version of each file once, and none missed."""

import shutil
from pathlib import Path

import copier
import jinja2
import pytest
from conftest import contents, give

from hooks.space import Combination, answers, space
from proof.covering import covering, projections
from proof.pairs import all_pairs, pairs
from proof.rendering import Renderer
from proof.services import Service


@pytest.fixture(scope="module")
def remembering(wide_template: Path) -> Renderer:
    """A renderer that renders what is the same once."""
    return Renderer(wide_template)


@pytest.fixture(scope="module")
def forgetting(wide_template: Path) -> Renderer:
    """A renderer that renders everything each time."""
    return Renderer(wide_template, memory=False)


@pytest.fixture(scope="module")
def everything(forgetting: Renderer) -> list[Service]:
    """Every service, by brute force."""
    return [forgetting.render(chosen) for chosen in space(forgetting.catalogue)]


def versions(services: list[Service], without: set[str]) -> set[tuple[str, bytes]]:
    """Every version of every file."""
    return {(path, text) for one in services for path, text in one.files.items() if path not in without}


@pytest.mark.parametrize("position", [0, 7, 19, 38, -1])
def test_it_renders_what_copier_writes(
    everything: list[Service], forgetting: Renderer, tmp_path: Path, position: int
) -> None:
    service = everything[position]
    folder = tmp_path / "flight-delays"
    data = dict(answers(forgetting.catalogue, service.chosen))
    copier.run_copy(str(forgetting.root), folder, data=data, defaults=True, quiet=True)
    assert contents(folder) == service.files


def test_what_is_remembered_is_what_would_be_rendered(
    everything: list[Service], remembering: Renderer, forgetting: Renderer
) -> None:
    assert [remembering.render(service.chosen).files for service in everything] == [one.files for one in everything]
    assert remembering.rendered < forgetting.rendered / 5


def test_the_covering_finds_every_version_of_every_file(everything: list[Service], wide_template: Path) -> None:
    renderer = Renderer(wide_template)
    found = list(covering(renderer))
    assert versions(found, set()) == versions(everything, set())


def test_without_lists_fewer_services_hold_every_version_of_every_other_file(
    everything: list[Service], wide_template: Path
) -> None:
    renderer = Renderer(wide_template)
    found = list(covering(renderer, lists=False))
    lists = renderer.lists()
    assert "patterns.lock" in lists
    assert "src/flight_delays/settings.py" not in lists
    assert versions(found, lists) == versions(everything, lists)
    assert len(found) < len(everything)


def test_one_combination_for_each_way_to_choose_among_some_patterns(forgetting: Renderer) -> None:
    catalogue = forgetting.catalogue
    asked = frozenset({"ML-SERV-900", "ML-MON-900", "ML-MON-901"})

    def way(chosen: Combination) -> tuple[bool, bool, bool]:
        return "offline" in chosen["serving"], "probe" in chosen["monitoring"], "census" in chosen["monitoring"]

    found = [way(chosen) for chosen in projections(catalogue, asked).values()]
    assert len(found) == len(set(found))
    assert set(found) == {way(chosen) for chosen in space(catalogue)}


def test_every_two_choices_that_can_meet_do_meet(forgetting: Renderer) -> None:
    catalogue = forgetting.catalogue
    everything = list(space(catalogue))
    array = all_pairs(catalogue)
    assert len(array) < len(everything) / 2
    as_sets = [{name: set(values) for name, values in chosen.items()} for chosen in everything]
    assert all({name: set(values) for name, values in chosen.items()} in as_sets for chosen in array)
    met = {pair for chosen in array for pair in pairs(catalogue, chosen)}
    assert met == {pair for chosen in everything for pair in pairs(catalogue, chosen)}


def test_a_template_that_reads_an_answer_is_refused(wide_template: Path, tmp_path: Path) -> None:
    root = tmp_path / "ai-patterns"
    shutil.copytree(wide_template, root)
    give(root / "pattern_fragments/serving/offline", "slots/checklist", "- [ ] It is {{ serving }}.\n")
    renderer = Renderer(root)
    offline = next(chosen for chosen in space(renderer.catalogue) if "offline" in chosen["serving"])
    with pytest.raises(jinja2.UndefinedError, match="serving") as caught:
        renderer.render(offline)
    assert "while rendering docs/delivery-checklist.md" in caught.value.__notes__[0]
