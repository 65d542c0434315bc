"""What a team stated of its needs, through updates: nothing is forgotten, and what the advice makes of it is told."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import commit_all, copier, run


@pytest.fixture
def service(git_template: Path, tmp_path: Path) -> Path:
    """A service of the guided way whose data are about persons; of the rest nothing was said."""
    folder = tmp_path / "churn"
    needs = {"guidance": "guided", "caller": "later", "data_about": "personal", "harm": "inconvenience"}
    data = [part for name, answer in needs.items() for part in ("--data", f"{name}={answer}")]
    copier("copy", "--defaults", "--quiet", *data, git_template, folder)
    commit_all(folder, "Start")
    return folder


def update(service: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = run(sys.executable, "scripts/update.py", *options, cwd=service)
    commit_all(service, "Update")
    return done


def remembered(service: Path) -> dict[str, Any]:
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert isinstance(answers, dict)
    return answers


def risk(service: Path) -> str:
    [path] = (service / "docs" / "decisions").glob("*-risk.md")
    return path.read_text()


def test_an_answer_that_is_not_asked_any_more_comes_back_when_it_is(service: Path) -> None:
    assert remembered(service)["data_about"] == "personal"
    assert "- Data: the data are about persons." in risk(service)

    update(service, "--data", "harm=people", "--data", "risk=regulated")
    assert "data_about" not in remembered(service), "harm to people decides the tier, whatever the data are about"
    assert remembered(service)["stated_earlier"]["data_about"] == "personal"
    besides = "Stated too, though after the above it cannot change the advice:"
    assert risk(service).index(besides) < risk(service).index("- Data: the data are about persons.")

    update(service, "--data", "harm=inconvenience")
    assert remembered(service)["data_about"] == "personal"
    assert "stated_earlier" not in remembered(service)
    assert besides not in risk(service)


def test_advice_that_turns_is_told_once_and_changes_nothing(service: Path) -> None:
    tier = remembered(service)["risk"]
    assert tier != "regulated"
    done = update(service, "--data", "harm=people")
    assert f"Advice turned: risk stays {tier}; regulated is advised now." in done.stdout
    assert "the advice turned: follow it by --data, or write why not" in done.stdout
    assert remembered(service)["risk"] == tier
    changes = (service / "docs/decisions/changes.md").read_text()
    assert "- harm: inconvenience → people\n" in changes
    assert f"- risk: stays {tier}, although regulated is advised now\n" in changes
    assert "Status: accepted, against the recommendation" in risk(service)

    again = update(service, "--data", "owner=my-org/another-team")
    assert "Advice turned" not in again.stdout
    assert (service / "docs/decisions/changes.md").read_text() == changes


def test_what_becomes_known_is_stated_from_then_on(service: Path) -> None:
    assert remembered(service)["decides"] == "unknown"
    assert "--data decides=" in risk(service)
    update(service, "--data", "decides=person")
    assert remembered(service)["decides"] == "person"
    assert "--data decides=" not in risk(service)
    assert "- decides: not known yet → person\n" in (service / "docs/decisions/changes.md").read_text()
