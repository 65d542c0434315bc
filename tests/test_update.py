"""`copier update` by its command line, without trust: the patterns move on, the team's lines stay."""

from pathlib import Path

import pytest
import yaml
from conftest import add_pattern, commit_all, contents, copier, run


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Path:
    """A committed service, made from `template` at v1.0.0."""
    folder = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", template, folder)
    commit_all(folder, "Start")
    return folder


def release(template: Path, tag: str = "v1.1.0") -> None:
    """A new revision of the rolling pattern and of a Python file of the core."""
    manifest = template / "pattern_fragments" / "deployment" / "rolling" / "pattern.yml"
    manifest.write_text(manifest.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    predictor = template / "pattern_fragments/primary_function/predict/files/src/__package__/predictor.py"
    predictor.write_text(predictor.read_text() + "\n# A line of the new revision.\n")
    domain = template / "pattern_fragments/primary_function/predict/files/src/__package__/domain/model.py"
    domain.write_text(domain.read_text() + "\n# A better example.\n")
    commit_all(template, "Release", tag=tag)


def append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)


def test_edits_of_the_team_survive_an_update(template: Path, service: Path) -> None:
    append(service / "src/flight_delays/domain/model.py", "\n# The team's own model.\n")
    append(service / "README.md", "\nA paragraph of the team.\n")
    (service / "src/flight_delays/domain/holidays.py").write_text('"""Holidays, by the team."""\n')
    (service / "notes.md").write_text("A file of the team.\n")
    (service / "tests/domain/test_holidays.py").write_text('"""Tests, by the team."""\n')
    commit_all(service, "Our work")
    release(template)

    copier("update", "--defaults", "--quiet", cwd=service)

    text = {name: content.decode() for name, content in contents(service).items()}
    assert "# A line of the new revision." in text["src/flight_delays/predictor.py"]
    assert 'version = "1.1.0"' in text["patterns.lock"]
    assert "# The team's own model." in text["src/flight_delays/domain/model.py"]
    assert "# A better example." not in text["src/flight_delays/domain/model.py"], "the domain belongs to the team"
    assert "A paragraph of the team." in text["README.md"]
    assert text["src/flight_delays/domain/holidays.py"] == '"""Holidays, by the team."""\n'
    assert text["notes.md"] == "A file of the team.\n"
    assert text["tests/domain/test_holidays.py"] == '"""Tests, by the team."""\n'
    assert yaml.safe_load(text[".copier-answers.yml"])["_commit"] == "v1.1.0"
    assert not [name for name in text if name.endswith(".rej")]
    assert "<<<<<<<" not in "".join(text.values())


def test_an_unedited_service_becomes_the_fresh_one(template: Path, service: Path, tmp_path: Path) -> None:
    release(template)
    copier("update", "--defaults", "--quiet", cwd=service)
    fresh = tmp_path / "fresh" / "flight-delays"
    copier("copy", "--defaults", "--quiet", template, fresh)
    updated, expected = contents(service), contents(fresh)
    domain = "src/flight_delays/domain/model.py"
    assert b"# A better example." in expected.pop(domain)
    del updated[domain]
    assert updated == expected


def test_a_second_update_changes_nothing(template: Path, service: Path) -> None:
    release(template)
    copier("update", "--defaults", "--quiet", cwd=service)
    commit_all(service, "Update")
    once = contents(service)
    copier("update", "--defaults", "--quiet", cwd=service)
    assert contents(service) == once


def test_a_clash_is_marked(template: Path, service: Path) -> None:
    append(service / "src/flight_delays/predictor.py", "\n# A line of the team.\n")
    commit_all(service, "Our work")
    release(template)
    copier("update", "--defaults", "--quiet", cwd=service)
    merged = (service / "src/flight_delays/predictor.py").read_text()
    assert "<<<<<<<" in merged
    assert "# A line of the team." in merged
    assert "# A line of the new revision." in merged
    assert "UU src/flight_delays/predictor.py" in run("git", "status", "--porcelain", cwd=service).stdout


def test_a_changed_answer_that_rules_out_a_remembered_one(template: Path, service: Path) -> None:
    add_pattern(template, "serving", "offline", "ML-SERV-900")
    add_pattern(template, "monitoring", "probe", "ML-MON-900", needs=["http"])
    commit_all(template, tag="v1.1.0")
    copier("update", "--defaults", "--quiet", "--data", "monitoring=[system, probe]", cwd=service)
    commit_all(service, "Probe")
    copier("update", "--defaults", "--quiet", "--data", "serving=offline", cwd=service)
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert answers["serving"] == "offline"
    assert answers["monitoring"] == ["system"], "probe needs http, which offline serving does not provide"


def test_a_service_from_a_plain_folder_says_why_it_cannot_update(plain_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", plain_template, service)
    commit_all(service)
    done = copier("update", "--defaults", cwd=service, check=False)
    assert done.returncode != 0
    assert "cannot obtain old template references" in done.stderr
