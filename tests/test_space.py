"""The space of valid services, told twice: by compose.jinja, as Copier asks, and by hooks/space.py, as enumerated."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import copier
import pytest
import yaml
from conftest import add_pattern

from hooks.catalogue import Catalogue, read_catalogue
from hooks.manifest import Manifest
from hooks.space import answers, command, possible, provided, space, states


@pytest.fixture(scope="module")
def wide(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue with a second pattern per decision, some of which rule others out."""
    folder = tmp_path_factory.mktemp("wide") / "ai-patterns"
    shutil.copytree(plain_template, folder)
    add_pattern(folder, "serving", "offline", "ML-SERV-900")
    add_pattern(folder, "deployment", "split", "ML-DEP-900", needs=["http"], provides=["traffic_split"])
    add_pattern(folder, "monitoring", "probe", "ML-MON-900", needs=["traffic_split"])
    add_pattern(folder, "feature_store", "remote", "ML-FEAT-900", provides=["features"])
    return read_catalogue(folder)


def accepted(catalogue: Catalogue, data: dict[str, object], folder: Path) -> bool:
    """Whether Copier takes the answers; nothing is written."""
    try:
        copier.run_copy(str(catalogue.root), folder, data=data, defaults=True, pretend=True, quiet=True)
    except ValueError as error:
        if "needs " not in str(error):
            raise
        return False
    return True


def questions(catalogue: Catalogue) -> Iterator[tuple[dict[str, object], Manifest, bool]]:
    """In every reachable state, each choice of the next question: answers, the pattern, whether it is possible."""
    for chosen, decision in states(catalogue):
        if decision.name not in catalogue.questions:
            continue
        rows = possible(catalogue, decision, provided(catalogue, chosen))
        for _, pattern in catalogue.patterns:
            if pattern.decision == decision.name:
                value: object = [pattern.value] if decision.multiple else pattern.value
                yield {**answers(catalogue, chosen), decision.name: value}, pattern, pattern in rows


def test_copier_and_the_enumeration_agree_in_every_state(wide: Catalogue, tmp_path: Path) -> None:
    told = list(questions(wide))
    asked = [accepted(wide, data, tmp_path / "service") for data, _, _ in told]
    assert asked == [is_possible for _, _, is_possible in told]
    assert True in asked
    assert False in asked


def test_the_space_holds_each_valid_service_once(wide: Catalogue) -> None:
    everything = [tuple(chosen.values()) for chosen in space(wide)]
    assert len(everything) == len(set(everything))
    # serving, deployment, monitoring, feature store: online allows both deployments, probe needs the split.
    assert len(everything) == (4 + 2) * 2 + 2 * 2


def test_the_printed_command_gives_the_combination(plain_template: Path, tmp_path: Path) -> None:
    catalogue = read_catalogue(plain_template)
    chosen = list(space(catalogue))[-1]
    copier.run_copy(str(catalogue.root), tmp_path, data=dict(answers(catalogue, chosen)), defaults=True, quiet=True)
    remembered = yaml.safe_load((tmp_path / ".copier-answers.yml").read_text())
    for name, value in answers(catalogue, chosen).items():
        assert remembered[name] == value
        assert name in command(catalogue, chosen)
