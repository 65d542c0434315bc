"""Release notes: what a release means for the teams of services, told by the manifests of two revisions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import CENSUS, commit_all, give, run
from small_template import change_manifest, clone, small_pattern, small_template
from template_changes import deprecate_a_pattern, folder_of, rename_patterns, require_a_package, revise_a_file

from hooks.release_notes import main, release_notes, warnings
from hooks.snapshot import NoRevisionError, read_snapshot

PATH = {"name": "small", "title": "A small one", "answers": {"serving": "online", "monitoring": ["system"]}}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template at v1.0.0, each pattern with a changelog. Read only."""
    template = small_template(tmp_path_factory.mktemp("origin") / "template")
    for pattern in template.glob("pattern_fragments/*/*"):
        give(pattern, "CHANGELOG.md", "## 1.0.0\n\n- First revision.\n")
    census = folder_of(template, "ML-MON-901")
    change_manifest(census, settings=[CENSUS, {**CENSUS, "name": "census_seed"}])
    give(template, "templates/golden_paths/small.yml", yaml.safe_dump(PATH))
    commit_all(template)
    run("git", "tag", "--force", "v1.0.0", cwd=template)
    return template


@pytest.fixture
def template(origin: Path, tmp_path: Path) -> Path:
    return clone(origin, tmp_path / "template")


def notes(template: Path) -> str:
    """What the release notes of the next revision say."""
    commit_all(template)
    return release_notes(read_snapshot(template, "v1.0.0"), read_snapshot(template, "HEAD"))


def section(text: str, heading: str) -> list[str]:
    """The lines of one section; empty where there is none."""
    _, _, below = text.partition(f"\n## {heading}\n\n")
    return [line for line in below.partition("\n## ")[0].splitlines() if line]


def release(template: Path, identity: str, version: str, entry: str) -> None:
    """Give a pattern a version and its changelog an entry."""
    pattern = folder_of(template, identity)
    change_manifest(pattern, version=version)
    log = pattern / "CHANGELOG.md"
    log.write_text(f"## {version}\n\n- {entry}\n\n{log.read_text()}")


def change_path(template: Path, **fields: object) -> None:
    path = template / "templates/golden_paths/small.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}))


# --- Patterns --------------------------------------------------------------------------------------------------------


def test_a_release_without_changes_says_so(template: Path) -> None:
    assert "Nothing changed for services." in notes(template)


def test_an_added_pattern_is_told_with_its_summary(template: Path) -> None:
    small_pattern(template, "monitoring/drift", "ML-MON-903", summary="What moves.", status="experimental")
    text = notes(template)
    assert section(text, "Added") == ["- **Drift pattern** (`monitoring/drift`) 1.0.0 (experimental): What moves."]
    assert "Nothing to do but `make update`." in text


def test_a_changed_pattern_brings_the_entries_between_the_two_versions(template: Path) -> None:
    release(template, "ML-CORE-901", "1.0.1", "A mend.")
    release(template, "ML-CORE-901", "1.10.0", "An addition.")
    assert section(notes(template), "Changed") == [
        "### Predict pattern (`primary_function/predict`) 1.0.0 → 1.10.0",
        "- An addition.",
        "- A mend.",
    ]


def test_what_a_major_version_asks_for_stands_on_top(template: Path) -> None:
    release(template, "ML-SERV-901", "2.0.0", "Callers send a token.")
    text = notes(template)
    assert section(text, "What teams must do") == [
        "- **Online pattern** (`serving/online`) 2.0.0 asks for something:",
        "  - Callers send a token.",
    ]
    assert text.index("## What teams must do") < text.index("## Changed")
    assert "Nothing to do" not in text


def test_settings_are_compared(template: Path) -> None:
    added = {"name": "census_lag", "type": "float", "default": None, "help": "Hours a count\n may lag."}
    change_manifest(folder_of(template, "ML-MON-901"), settings=[{**CENSUS, "default": 48, "le": 96}, added])
    text = notes(template)
    assert section(text, "Changed")[1:] == [
        "- Setting `census_hours`: default is `48`, was `24`.",
        "- Setting `census_hours`: le is `96`, was nothing.",
        "- Setting added: `census_lag` (default nothing): Hours a count may lag.",
        "- Setting removed: `census_seed`.",
    ]
    (duty,) = section(text, "What teams must do")
    assert "the setting `census_seed` is not read any more" in duty


def test_a_setting_that_moves_to_another_pattern_asks_for_nothing(template: Path) -> None:
    change_manifest(folder_of(template, "ML-MON-901"), settings=[CENSUS])
    change_manifest(folder_of(template, "ML-CORE-901"), settings=[{**CENSUS, "name": "census_seed"}])
    text = notes(template)
    assert (
        "- Setting removed: `census_seed`; it comes with **Predict pattern** (`primary_function/predict`) now." in text
    )
    assert not section(text, "What teams must do")


def test_a_new_need_is_told_to_whoever_may_not_meet_it(template: Path) -> None:
    change_manifest(folder_of(template, "ML-MON-901"), needs=["http"], provides=["counts"])
    text = notes(template)
    assert section(text, "Changed")[1:] == [
        "- Now needs `http`.",
        "- Now provides `counts`.",
        "- No longer provides `metrics`.",
    ]
    (duty,) = section(text, "What teams must do")
    assert "now needs `http`; a service without it" in duty


def test_requirements_are_compared(template: Path) -> None:
    require_a_package(template)
    assert section(notes(template), "Changed")[1:] == ["- Requires `numpy>=2,<3`."]


def test_a_deprecated_pattern_is_told_with_its_successor_and_its_day_once(template: Path) -> None:
    deprecate_a_pattern(template)
    text = notes(template)
    assert section(text, "Deprecated") == [
        "- **Split pattern** (`deployment/split`): stays until 2030-01-01;"
        " **Rolling pattern** (`deployment/rolling`) takes over."
    ]
    assert section(text, "What teams must do") == [
        "- **Split pattern** (`deployment/split`):"
        " move to **Rolling pattern** (`deployment/rolling`) before 2030-01-01."
    ]
    run("git", "tag", "v1.1.0", cwd=template)
    give(template, "README.md", "Next.\n")
    commit_all(template)
    assert "Split" not in release_notes(read_snapshot(template, "v1.1.0"), read_snapshot(template, "HEAD"))


def test_renamed_patterns_are_no_news_for_services_that_are_followed(template: Path) -> None:
    rename_patterns(template)
    text = notes(template)
    assert section(text, "Renamed") == [
        "- `monitoring/probe` is now **Probe pattern** (`monitoring/watchdog`); services follow with their update.",
        "- `serving/offline` is now **Offline pattern** (`serving/nightly`); services follow with their update.",
    ]
    assert not section(text, "Removed")
    assert not section(text, "Added")


def test_a_rename_that_services_do_not_follow_says_so(template: Path) -> None:
    rename_patterns(template)
    change_manifest(folder_of(template, "ML-MON-902"), formerly=[])
    assert "services that remember the old name have to choose it anew" in section(notes(template), "Renamed")[0]


def test_a_removed_pattern_leads_to_its_heir_or_to_a_choice(template: Path) -> None:
    run("git", "rm", "-r", "--quiet", "pattern_fragments/deployment/split", cwd=template)
    run("git", "rm", "-r", "--quiet", "pattern_fragments/monitoring/probe", cwd=template)
    change_manifest(folder_of(template, "ML-DEP-901"), formerly=["split"])
    text = notes(template)
    assert section(text, "Removed") == [
        "- **Split pattern** (`deployment/split`) 1.0.0; **Rolling pattern** (`deployment/rolling`) takes its place.",
        "- **Probe pattern** (`monitoring/probe`) 1.0.0.",
    ]
    heir, choice = section(text, "What teams must do")
    assert "the update moves its services to **Rolling pattern**" in heir
    assert "gone without a successor" in choice
    assert choice.endswith("possible: system.")


# --- What is no pattern ----------------------------------------------------------------------------------------------


def test_golden_paths_are_compared(template: Path) -> None:
    change_path(template, answers={"serving": "online", "deployment": "split"}, locked=["serving"])
    other = {"name": "other", "title": "Another", "for": "teams of one", "answers": {"monitoring": []}, "locked": ["a"]}
    give(template, "templates/golden_paths/other.yml", yaml.safe_dump(other))
    assert section(notes(template), "Golden paths") == [
        "- New: **other**: Another. For teams of one. Answers: monitoring none. Locked: a.",
        "- **small**: deployment is `split`, was left open; services that exist keep theirs.",
        "- **small**: monitoring is left open, was `system`; services that exist keep theirs.",
        "- **small**: locked is `['serving']`, was nothing.",
    ]


def test_a_golden_path_that_goes_takes_no_answer_along(template: Path) -> None:
    (template / "templates/golden_paths/small.yml").unlink()
    assert section(notes(template), "Golden paths") == ["- Gone: **small**; services keep the answers that it gave."]


def test_decisions_are_compared(template: Path) -> None:
    settings = template / "copier.yml"
    line = "      title: Deployment strategy\n"
    text = settings.read_text()
    assert line in text
    new = '    - {name: protocol, title: Protocol, question: "Who talks?"}\n    - name: monitoring\n'
    changed = text.replace(line, "      title: Release\n      multiple: true\n")
    settings.write_text(changed.replace("    - name: monitoring\n", new))
    told = section(notes(template), "Decisions")
    assert "- **Release** (`deployment`): multiple is `True`, was nothing." in told
    assert any(line.startswith("- New: **Protocol** (`protocol`): Who talks? It is asked") for line in told)


def test_a_newer_copier_is_asked_for_on_top(template: Path) -> None:
    settings = template / "copier.yml"
    settings.write_text(settings.read_text().replace('"9.15.0"', '"9.16.0"'))
    assert section(notes(template), "What teams must do") == ["- Install Copier 9.16.0 or later."]


def test_shared_files_are_named_as_a_service_has_them(template: Path) -> None:
    give(template, "templates/service/src/{{ package }}/new.py.jinja", "x\n")
    give(template, "templates/service/README.md.jinja", "x\n")
    (template / "templates/service/.gitignore.jinja").rename(template / "templates/service/.gitignore")
    assert section(notes(template), "Files that every service has") == [
        "- Added: `src/<package>/new.py`",
        "- Changed: `README.md`",
    ]


# --- What a release lacks --------------------------------------------------------------------------------------------


def unversioned_file(template: Path) -> None:
    pattern = folder_of(template, "ML-CORE-901")
    give(pattern, "files/docs/guide.md", "changed\n")


def unversioned_setting(template: Path) -> None:
    change_manifest(folder_of(template, "ML-CORE-901"), settings=[CENSUS])


def unlogged(template: Path) -> None:
    revise_a_file(template)


def backwards(template: Path) -> None:
    change_manifest(folder_of(template, "ML-CORE-901"), version="0.9.0")


def unreadable(template: Path) -> None:
    (folder_of(template, "ML-CORE-901") / "pattern.yml").write_text("a: [")


def nameless(template: Path) -> None:
    change_manifest(folder_of(template, "ML-CORE-901"), version=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (unversioned_file, "primary_function/predict changed and is still 1.0.0"),
        (unversioned_setting, "primary_function/predict changed and is still 1.0.0"),
        (unlogged, "primary_function/predict 1.1.0 has no entry in its changelog"),
        (backwards, "primary_function/predict went back from 1.0.0 to 0.9.0"),
        (unreadable, "pattern_fragments/primary_function/predict/pattern.yml cannot be read: is not YAML"),
        (nameless, "pattern_fragments/primary_function/predict/pattern.yml has no valid id or version"),
    ],
)
def test_whoever_publishes_is_told_what_the_release_lacks(
    template: Path, change: Callable[[Path], None], sentence: str
) -> None:
    change(template)
    commit_all(template)
    (found,) = warnings(read_snapshot(template, "v1.0.0"), read_snapshot(template, "HEAD"))
    assert sentence in found


def test_a_release_that_lacks_nothing_is_told_without_a_warning(template: Path) -> None:
    revise_a_file(template)
    release(template, "ML-CORE-901", "1.1.0", "A line is revised.")
    deprecate_a_pattern(template)
    commit_all(template)
    assert not list(warnings(read_snapshot(template, "v1.0.0"), read_snapshot(template, "HEAD")))


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_reads_what_is_committed_and_changes_nothing(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(template, "ML-CORE-901", "1.1.0", "An addition.")
    commit_all(template)
    run("git", "tag", "v1.1.0", cwd=template)
    (folder_of(template, "ML-CORE-901") / "pattern.yml").write_text("not committed\n")
    before = run("git", "status", "--porcelain", cwd=template).stdout
    assert main(["v1.0.0", "--template", str(template)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Release notes: from v1.0.0 to v1.1.0\n")
    assert "1.0.0 → 1.1.0" in said.out
    assert said.err == ""
    assert run("git", "status", "--porcelain", cwd=template).stdout == before


@pytest.mark.parametrize("revision", ["v9.9.9", "", "--all", "HEAD:copier.yml", "a\nb"])
def test_a_revision_that_is_none_is_bad_usage(
    template: Path, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--template", str(template), "--", revision]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err
    if revision:
        assert "is no revision here" in said.err
        assert "the newest tags are v1.0.0" in said.err


def test_what_is_no_template_has_no_release(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(NoRevisionError, match="run this in a git clone"):
        read_snapshot(tmp_path / "other", "HEAD")
    give(tmp_path / "other", "a.txt", "a\n")
    commit_all(tmp_path / "other")
    with pytest.raises(NoRevisionError, match=r"holds no copier\.yml"):
        read_snapshot(tmp_path / "other", "HEAD")
