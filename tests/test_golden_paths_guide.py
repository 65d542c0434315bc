"""What docs/golden-paths.md tells an organisation to do: its files are used as they stand there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, commit_all, copier, give

DATA = "--data-file"


def blocks() -> list[str]:
    """The YAML files of the guide: a path, settings of Copier, a file of answers."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/golden-paths.md").read_text(), re.DOTALL)


def answers(service: Path) -> dict[str, Any]:
    loaded = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_a_path_of_a_fork_is_a_file_and_nothing_else(template: Path, tmp_path: Path) -> None:
    path = yaml.safe_load(blocks()[0])
    give(template, f"templates/golden_paths/{path['name']}.yml", blocks()[0])
    commit_all(template, tag="v1.1.0")
    copier("copy", "--defaults", "--quiet", "--data", f"golden_path={path['name']}", template, tmp_path / "service")
    made = answers(tmp_path / "service")
    asked = [decision for decision in path["answers"] if decision not in path["locked"]]
    assert {decision: made[decision] for decision in asked} == {name: path["answers"][name] for name in asked}
    assert not set(path["locked"]) & made.keys()
    assert 'value = "elevated"' in (tmp_path / "service/patterns.lock").read_text()


def test_settings_of_copier_stand_in_for_defaults_and_are_stronger_than_a_path(
    git_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(tmp_path, "settings.yml", blocks()[1])
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))
    copier("copy", "--defaults", "--quiet", git_template, tmp_path / "service")
    made = answers(tmp_path / "service")
    assert (made["owner"], made["golden_path"], made["serving"]) == ("your-org/ml-platform", "nightly", "batch")
    give(tmp_path, "settings.yml", blocks()[1] + "  serving: online\n")
    copier("copy", "--defaults", "--quiet", git_template, tmp_path / "other")
    assert answers(tmp_path / "other")["serving"] == "online"


def test_a_data_file_answers_and_an_impossible_answer_writes_nothing(git_template: Path, tmp_path: Path) -> None:
    give(tmp_path, "scoring.yml", blocks()[2])
    copier("copy", "--defaults", "--quiet", DATA, tmp_path / "scoring.yml", git_template, tmp_path / "service")
    made = answers(tmp_path / "service")
    wanted = yaml.safe_load(blocks()[2])
    assert {name: made[name] for name in wanted} == wanted
    give(tmp_path, "scoring.yml", blocks()[2] + "deployment: canary\n")
    refused = copier(
        "copy", "--defaults", DATA, tmp_path / "scoring.yml", git_template, tmp_path / "refused", check=False
    )
    assert refused.returncode
    assert "needs http" in refused.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "refused").exists()
