"""The command that starts a pattern: what it writes passes the check once its blanks are filled."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.catalogue import read_catalogue
from hooks.check_patterns import find_all
from hooks.file_rules import BLANK
from hooks.new_pattern import main

ROOT = Path(__file__).parent.parent

COPIER = """\
project_name:
  type: str
decisions:
  type: yaml
  when: false
  default:
    - {name: serving, title: Serving}
    - {name: feature_store, title: Feature store}
    - {name: features, title: Features}
"""
SLOTS = "{{ slot('README') }}{{ slot('checklist') }}"
BLANKS_OF_MANIFEST = 5


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template repository without a pattern, as the working folder."""
    (tmp_path / "copier.yml").write_text(COPIER)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "README.md.jinja").write_text(SLOTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(decision: str, value: str, *options: str, name: str = "Online: a model's answers") -> int:
    return main([decision, value, "--name", name, *options])


def fill_in(folder: Path) -> None:
    """Do what a contributor does with every blank."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(BLANK.sub("Filled in.", path.read_text()))


def identity(folder: Path) -> str:
    match = re.search(r"^id: (\S+)$", (folder / "pattern.yml").read_text(), re.MULTILINE)
    assert match
    return match[1]


def test_every_blank_is_reported_by_file_and_line(template: Path) -> None:
    assert start("serving", "online") == 0
    found = find_all(read_catalogue(template))
    assert {finding.field for finding in found} == {"blank"}
    assert all("<<blank: " in finding.path.read_text().splitlines()[finding.line - 1] for finding in found)
    assert len([finding for finding in found if finding.path.name == "pattern.yml"]) == BLANKS_OF_MANIFEST


def test_filled_in_it_passes_the_check(template: Path) -> None:
    start("serving", "online")
    fill_in(template / "pattern_fragments/serving/online")
    assert find_all(read_catalogue(template)) == []


def test_filled_in_it_passes_in_this_repository(tmp_path: Path) -> None:
    """The template of a pattern knows the slots and questions that this repository has."""
    shutil.copy(ROOT / "copier.yml", tmp_path)
    # The golden paths name patterns, and none is there.
    shutil.copytree(ROOT / "templates", tmp_path / "templates", ignore=shutil.ignore_patterns("golden_paths"))
    command = [sys.executable, "-m", "hooks.new_pattern", "monitoring", "drift", "--name", "Drift"]
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    fill_in(tmp_path / "pattern_fragments/monitoring/drift")
    assert find_all(read_catalogue(tmp_path)) == []


@pytest.mark.parametrize(
    ("decision", "options", "expected"),
    [
        ("serving", [], "ML-SERV-001"),
        ("feature_store", [], "ML-FEAT-001"),
        ("serving", ["--area", "SRV"], "ML-SRV-001"),
    ],
)
def test_the_first_id_of_a_decision_is_derived_or_given(
    template: Path, decision: str, options: list[str], expected: str
) -> None:
    assert start(decision, "online", *options) == 0
    assert identity(template / "pattern_fragments" / decision / "online") == expected


def test_the_next_id_follows_the_highest_one_of_the_decision(template: Path) -> None:
    start("serving", "online", "--area", "SRV")
    online = template / "pattern_fragments/serving/online"
    manifest = online / "pattern.yml"
    manifest.write_text(manifest.read_text().replace("ML-SRV-001", "ML-SRV-007"))
    assert start("serving", "batch") == 0
    assert identity(template / "pattern_fragments/serving/batch") == "ML-SRV-008"


@pytest.mark.parametrize(
    ("decision", "value", "name", "options", "message"),
    [
        ("servin", "online", "Online", [], "'servin' is no decision; did you mean serving?"),
        ("../serving", "online", "Online", [], "is no decision"),
        ("serving", "Online", "Online", [], "'Online' is no value; use at most 40 lower-case letters"),
        ("serving", "on-line", "Online", [], "words joined by underscores"),
        ("serving", "../online", "Online", [], "is no value"),
        ("serving", "", "Online", [], "is no value"),
        ("serving", "a" * 41, "Online", [], "is no value"),
        ("serving", "online", "  ", [], "is no name; write 1 to 60 characters"),
        ("serving", "online", "a\nb", [], "is no name"),
        ("serving", "online", "{{ x }}", [], "is no name"),
        ("serving", "taken", "Taken", [], "pattern_fragments/serving/taken exists; choose another value"),
        ("serving", "online", "Online", ["--area", "x"], "'x' is no area; give 2 to 8 capital letters"),
        ("serving", "online", "Online", ["--area", "FEAT"], "belongs to the decision feature_store"),
        ("features", "online", "Online", [], "the area FEAT belongs to the decision feature_store"),
    ],
)
def test_what_is_impossible_is_refused_in_one_sentence_and_nothing_is_written(
    template: Path,
    capsys: pytest.CaptureFixture[str],
    decision: str,
    value: str,
    name: str,
    options: list[str],
    message: str,
) -> None:
    (template / "pattern_fragments/serving/taken").mkdir(parents=True)
    start("feature_store", "inline")
    capsys.readouterr()
    before = sorted(template.rglob("*"))
    assert start(decision, value, *options, name=name) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(template.rglob("*")) == before


def test_outside_a_template_repository_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert start("serving", "online") == 2
    assert "holds no copier.yml" in capsys.readouterr().err
