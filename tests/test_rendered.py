"""What Copier's command line makes of answers at their bounds passes the checks of every service."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import contents, copier

from hooks.catalogue import read_catalogue
from hooks.space import answers as space_answers
from hooks.space import space
from proof.checks.linting import ruff_problems
from proof.checks.whole import all_problems
from proof.services import Service

CASES = {
    "the default": ("flight-delays", []),
    "the shortest name": ("q", []),
    "the longest name": ("a" + "b" * 39, []),
    "no monitoring": ("flight-delays", ["--data", "monitoring=[]"]),
}


def generated(folder: Path, template: Path) -> Service:
    """The service that Copier wrote into a folder."""
    files = contents(folder)
    answers = yaml.safe_load(files[".copier-answers.yml"])
    catalogue = read_catalogue(template)
    asked = {decision.name for decision in catalogue.decisions} & answers.keys()
    given = {name: answers[name] for name in asked}
    [chosen] = [one for one in space(catalogue) if given.items() <= space_answers(catalogue, one).items()]
    return Service(chosen, files)


@pytest.mark.parametrize("case", CASES)
def test_a_generated_service_has_no_problem(git_template: Path, tmp_path: Path, case: str) -> None:
    name, data = CASES[case]
    copier("copy", "--defaults", "--quiet", *data, git_template, tmp_path / name)
    service = generated(tmp_path / name, git_template)
    assert all_problems(service, read_catalogue(git_template)) == []
    assert list(ruff_problems([service], tmp_path / "lint", Path(sys.executable))) == []


def test_a_description_may_hold_any_character(git_template: Path, tmp_path: Path) -> None:
    description = """Says "late", 'later' or \\ never: #1 für 100 % of *all* [flights] & <more> 🛫 | $x {y}"""
    (tmp_path / "data.yml").write_text(yaml.safe_dump({"description": description}, allow_unicode=True))
    folder = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", "--data-file", tmp_path / "data.yml", git_template, folder)
    assert all_problems(generated(folder, git_template), read_catalogue(git_template)) == []
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["description"] == description
