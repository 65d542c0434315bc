"""The space of valid services, told twice: by compose.jinja, as Copier asks, and by hooks/space.py, as enumerated."""

from pathlib import Path

import copier
import pytest
import yaml

from hooks.catalogue import Catalogue, read_catalogue
from hooks.space import answers, command, patterns_of, possible, provided, space, states
from proof.everything import disagreements
from proof.rendering import Renderer


@pytest.fixture(scope="module")
def wide(wide_template: Path) -> Catalogue:
    """The catalogue with more patterns, some of which rule others out."""
    return read_catalogue(wide_template)


def test_copier_and_the_enumeration_agree_in_every_state(wide: Catalogue) -> None:
    assert disagreements(Renderer(wide.root)) == []


def test_some_choices_are_ruled_out_in_some_states(wide: Catalogue) -> None:
    told = {
        row in possible(wide, decision, provided(wide, chosen))
        for chosen, decision in states(wide)
        for row in patterns_of(wide, decision)
    }
    assert told == {True, False}


def test_the_space_holds_each_valid_service_once(wide: Catalogue) -> None:
    everything = [tuple(chosen.values()) for chosen in space(wide)]
    assert len(everything) == len(set(everything))
    asked = {
        "serving": {"online", "offline"},
        "deployment": {"rolling", "split", "mirror"},
        "monitoring": {"system", "probe", "census"},
        "feature_store": {"inline", "remote"},
        "risk": {"baseline"},
    }
    small = [
        chosen
        for chosen in space(wide)
        if all(values.issuperset(chosen[decision]) for decision, values in asked.items())
    ]
    # Online allows three deployments, offline one; the probe needs the split, two monitors nothing; two feature stores.
    assert len(small) == (2 * 4 + 8) * 2 + 4 * 2


def test_the_printed_command_gives_the_combination(plain_template: Path, tmp_path: Path) -> None:
    catalogue = read_catalogue(plain_template)
    chosen = list(space(catalogue))[-1]
    copier.run_copy(str(catalogue.root), tmp_path, data=dict(answers(catalogue, chosen)), defaults=True, quiet=True)
    remembered = yaml.safe_load((tmp_path / ".copier-answers.yml").read_text())
    for name, value in answers(catalogue, chosen).items():
        assert remembered[name] == value
        assert name in command(catalogue, chosen)
