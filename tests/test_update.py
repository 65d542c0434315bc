"""`copier update` by its command line, without trust: the patterns move on, the team's lines stay."""

from pathlib import Path

import pytest
import yaml
from conftest import OLDEST_COPIER, commit_all, contents, copier, run, thorough
from small_template import change_manifest, new_service, small_pattern, small_template
from template_changes import folder_of, remove_a_file, remove_an_example, rename_patterns


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Path:
    """A committed service, made from `template` at v1.0.0."""
    folder = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", template, folder)
    commit_all(folder, "Start")
    return folder


def release(template: Path, tag: str = "v1.1.0") -> None:
    """A new revision of the online pattern and of a Python file of the core."""
    manifest = template / "pattern_fragments" / "serving" / "online" / "pattern.yml"
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


# --- On a small template: what Copier alone does, and what the engine adds ------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small template that a test may change."""
    return small_template(tmp_path / "small")


def remembered(service: Path) -> dict[str, object]:
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert isinstance(answers, dict)
    return answers


def update(service: Path, *options: str) -> None:
    """Update and commit."""
    copier("update", "--defaults", "--quiet", *options, cwd=service)
    commit_all(service, "Update")


def refusal(service: Path) -> str:
    """The sentence of an update that changes nothing."""
    before = contents(service)
    done = copier("update", "--defaults", cwd=service, check=False)
    assert done.returncode != 0
    assert contents(service) == before
    return done.stderr.splitlines()[-1]


@thorough
def test_of_a_remembered_answer_what_is_still_possible_is_kept(small: Path, tmp_path: Path) -> None:
    small_pattern(small, "monitoring/drift", "ML-MON-903")
    commit_all(small, tag="v1.1.0")
    service = new_service(small, tmp_path / "my-service", "--data", "monitoring=[probe, drift]")
    update(service, "--data", "serving=offline")
    assert remembered(service)["monitoring"] == ["drift"], "probe needs http, which offline serving does not provide"
    update(service, "--data", "monitoring=[]")
    update(service)
    assert remembered(service)["monitoring"] == []


def test_a_renamed_pattern_is_followed(small: Path, tmp_path: Path) -> None:
    options = ("--data", "serving=offline", "--data", "monitoring=[system]")
    service = new_service(small, tmp_path / "my-service", *options)
    other = new_service(small, tmp_path / "other" / "my-service", "--data", "monitoring=[system, probe]")
    rename_patterns(small)
    commit_all(small, tag="v2.0.0")
    update(service)
    assert remembered(service)["serving"] == "nightly"
    update(other)
    assert remembered(other)["monitoring"] == ["system", "watchdog"]


def test_a_pattern_that_is_replaced_moves_its_services_to_its_heir(small: Path, tmp_path: Path) -> None:
    service = new_service(small, tmp_path / "my-service", "--data", "deployment=split")
    run("git", "rm", "-r", "--quiet", "pattern_fragments/deployment/split", cwd=small)
    change_manifest(folder_of(small, "ML-DEP-901"), formerly=["split"])
    commit_all(small, tag="v2.0.0")
    update(service)
    assert remembered(service)["deployment"] == "rolling"
    assert "deploy/split.txt" not in contents(service)


@pytest.mark.parametrize(("decision", "value"), [("deployment", "split"), ("monitoring", "probe")])
def test_a_pattern_that_is_gone_without_an_heir_is_no_silent_change(
    small: Path, tmp_path: Path, decision: str, value: str
) -> None:
    options = ("--data", "deployment=split", "--data", "monitoring=[system, probe]")
    service = new_service(small, tmp_path / "my-service", *options)
    run("git", "rm", "-r", "--quiet", f"pattern_fragments/{decision}/{value}", cwd=small)
    commit_all(small, tag="v2.0.0")
    assert f"Invalid choice for '{decision}': '{value}' is not in [" in refusal(service)


def test_a_deprecated_pattern_stays_with_the_services_that_have_it(small: Path, tmp_path: Path) -> None:
    service = new_service(small, tmp_path / "my-service", "--data", "deployment=split")
    fields = {"status": "deprecated", "replaced_by": "ML-DEP-901", "remove_after": "2030-01-01"}
    change_manifest(folder_of(small, "ML-DEP-902"), **fields)
    commit_all(small, tag="v2.0.0")
    update(service)
    assert remembered(service)["deployment"] == "split"


def test_the_domain_is_never_removed(small: Path, tmp_path: Path) -> None:
    service = new_service(small, tmp_path / "my-service", "--data", "serving=offline")
    append(service / "src/my_service/domain/batch.py", "# The team's own.\n")
    commit_all(service, "Our work")
    before = contents(service)
    remove_an_example(small)
    commit_all(small, tag="v2.0.0")
    update(service, "--data", "serving=online")
    after = contents(service)
    assert "src/my_service/score.py" not in after
    for path in ("src/my_service/domain/batch.py", "tests/domain/test_model.py"):
        assert after[path] == before[path]


@thorough
def test_copier_alone_removes_an_edited_file_in_silence(small: Path, tmp_path: Path) -> None:
    """Why a service has `make update`; git's history still holds the file."""
    service = new_service(small, tmp_path / "my-service")
    append(service / "docs/guide.md", "A line of the team.\n")
    commit_all(service, "Our work")
    remove_a_file(small)
    commit_all(small, tag="v2.0.0")
    done = copier("update", "--defaults", cwd=service)
    assert "guide.md" not in done.stdout + done.stderr
    assert not (service / "docs/guide.md").exists()
    assert "A line of the team." in run("git", "show", "HEAD:docs/guide.md", cwd=service).stdout


@thorough
def test_copier_alone_brings_a_deleted_example_back(small: Path, tmp_path: Path) -> None:
    """Why `make update` removes it again."""
    service = new_service(small, tmp_path / "my-service")
    for path in ("docs/guide.md", "tests/domain/test_model.py"):
        (service / path).unlink()
    commit_all(service, "Our work")
    update(service)
    assert "docs/guide.md" not in contents(service)
    assert "tests/domain/test_model.py" in contents(service)


@thorough
def test_the_oldest_supported_copier_updates_alike(small: Path, tmp_path: Path) -> None:
    options = ("--data", "serving=offline", "--data", "monitoring=[system]")
    service = new_service(small, tmp_path / "my-service", *options)
    twin = tmp_path / "twin" / "my-service"
    run("git", "clone", "--quiet", service, twin)
    rename_patterns(small)
    remove_an_example(small)
    commit_all(small, tag="v2.0.0")
    update(service)
    uv = ("uv", "run", "--quiet", "--isolated", "--no-project", "--with", f"copier=={OLDEST_COPIER}")
    run(*uv, "copier", "update", "--defaults", "--quiet", cwd=twin)
    assert contents(twin) == contents(service)
    assert "tests/domain/test_model.py" in contents(twin)


def test_a_service_from_a_plain_folder_says_why_it_cannot_update(plain_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", plain_template, service)
    commit_all(service)
    done = copier("update", "--defaults", cwd=service, check=False)
    assert done.returncode != 0
    assert "cannot obtain old template references" in done.stderr
