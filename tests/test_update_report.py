"""`make update` of a service: Copier's update, and the report of what it did."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest
from conftest import commit_all, contents, copier, give, run, thorough
from small_template import clone, follow, new_service, small_template, unmerged
from template_changes import (
    add_a_file,
    add_an_example,
    folder_of,
    list_files,
    move_a_file,
    remove_a_file,
    rename_patterns,
    require_a_package,
    revise_a_file,
)

SCRIPT = "scripts/update.py"
MONITORED = ("--data", "monitoring=[system, probe]")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template at v1.0.0. Read only."""
    return small_template(tmp_path_factory.mktemp("origin") / "template")


@pytest.fixture(scope="module")
def first_service(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of the template. Read only."""
    return new_service(origin, tmp_path_factory.mktemp("first") / "my-service", *MONITORED)


@dataclass
class Place:
    """A template that a test may change, and a service that follows it."""

    template: Path
    service: Path

    def write(self, path: str, text: str) -> None:
        (self.service / path).parent.mkdir(parents=True, exist_ok=True)
        (self.service / path).write_text(text)

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.service / path).read_text() + text)

    def update(self, *options: str) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, SCRIPT, *options, cwd=self.service, check=False)

    def release(self) -> None:
        commit_all(self.template, "Release", tag="v2.0.0")

    def is_left_alone(self, before: dict[str, bytes]) -> bool:
        """Whether an update that did not happen left nothing behind."""
        worktrees = run("git", "worktree", "list", cwd=self.service).stdout.splitlines()
        return contents(self.service) == before and len(worktrees) == 1


@pytest.fixture
def place(origin: Path, first_service: Path, tmp_path: Path) -> Place:
    return _place(origin, first_service, tmp_path)


def _place(origin: Path, first_service: Path, folder: Path) -> Place:
    place = Place(clone(origin, folder / "template"), clone(first_service, folder / "my-service"))
    follow(place.service, place.template)
    return place


# --- One update in which much happens -------------------------------------------------------------------------------


@dataclass
class Eventful:
    """What an update made of a service that had been edited in many ways."""

    service: Path
    before: dict[str, bytes]
    after: dict[str, bytes]
    lines: list[str]
    status: int

    def kept(self) -> dict[str, bytes]:
        prefix = "kept-by-update/"
        return {path.split("/", 2)[2]: text for path, text in self.after.items() if path.startswith(prefix)}


@pytest.fixture(scope="module")
def eventful(origin: Path, first_service: Path, tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    place = _place(origin, first_service, tmp_path_factory.mktemp("eventful"))
    core = (place.service / "src/my_service/core.py").read_text()
    place.write("src/my_service/core.py", core.replace("line 3\n", "line 3 of the team\n"))
    for path in ("docs/guide.md", "src/my_service/metrics.py", "src/my_service/domain/model.py", "README.md"):
        place.append(path, "\nA line of the team.\n")
    place.write("src/my_service/features.py", "\0 no text any more")
    place.write("notes.md", "A file of the team.\n")
    for path in ("deploy/rolling.txt", "tests/domain/test_model.py"):
        (place.service / path).unlink()
    commit_all(place.service, "Our work")
    (place.service / ".git/info/exclude").write_text("docs/added.md\n")
    place.write("docs/added.md", "A file of the team that git ignores.\n")
    before = contents(place.service)
    for change in (revise_a_file, remove_a_file, move_a_file, add_a_file, add_an_example, rename_patterns):
        change(place.template)
    for identity, name in (("ML-FEAT-901", "src/__package__/features.py"), ("ML-DEP-901", "deploy/rolling.txt")):
        file = folder_of(place.template, identity) / "files" / name
        file.write_text(file.read_text().replace("line 3\n", "line 3, revised\n"))
    require_a_package(place.template)
    place.release()
    done = place.update()
    return Eventful(place.service, before, contents(place.service), done.stdout.splitlines(), done.returncode)


def test_patterns_are_named_with_their_old_and_new_version(eventful: Eventful) -> None:
    assert [line for line in eventful.lines if line.startswith("Pattern")] == [
        "Pattern changed: primary_function/predict 1.0.0 → 1.1.0",
        "Pattern changed: monitoring/watchdog (was probe) 1.0.0",
    ]


def test_how_the_choices_changed_is_written_down_newest_first(place: Place) -> None:
    changes = place.service / "docs/decisions/changes.md"
    assert place.update("--data", "deployment=split").returncode == 0
    first = changes.read_text()
    assert re.fullmatch(
        r"# How the choices changed\n\n## \d{4}-\d\d-\d\d, template v1\.0\.0\n\n- deployment: rolling → split\n", first
    )
    commit_all(place.service, "Another deployment")
    changes.write_text(first + "\nIt was asked for by those on call.\n")
    commit_all(place.service, "The reason")
    assert place.update("--data", "monitoring=[]").returncode == 0
    second = changes.read_text()
    assert second.index("- monitoring: system, probe → none\n") < second.index("- deployment: rolling → split\n")
    assert second.endswith("\nIt was asked for by those on call.\n")
    assert second.count("# How the choices changed\n\n## ") == 1


def test_an_update_without_another_choice_writes_down_nothing(place: Place) -> None:
    revise_a_file(place.template)
    place.release()
    assert place.update().returncode == 0
    assert not (place.service / "docs/decisions/changes.md").exists()


def test_a_conflict_is_marked_named_and_no_success(eventful: Eventful) -> None:
    assert eventful.status == 1
    merged = eventful.after["src/my_service/core.py"].decode()
    assert "<<<<<<< before updating\nline 3 of the team\n" in merged
    assert "line 3, revised\n>>>>>>> after updating\n" in merged
    assert unmerged(eventful.service) == {"src/my_service/core.py"}
    named = eventful.lines.index("In conflict; decide between the marks (or apply the .rej file), then `git add`:")
    assert eventful.lines[named + 1] == "  src/my_service/core.py"


def test_edited_files_that_have_no_place_any_more_are_kept_and_named(eventful: Eventful) -> None:
    gone = {"docs/guide.md", "src/my_service/metrics.py"}
    assert gone.isdisjoint(eventful.after)
    overwritten = {"docs/added.md", "src/my_service/features.py"}
    assert eventful.kept() == {path: eventful.before[path] for path in gone | overwritten}
    assert {f"  {path}" for path in gone | overwritten} <= {line.partition(" (moved")[0] for line in eventful.lines}


def test_where_an_edited_file_was_moved_to_is_told(eventful: Eventful) -> None:
    assert "  src/my_service/metrics.py (moved to src/my_service/watching/metrics.py)" in eventful.lines


def test_what_merges_is_merged(eventful: Eventful) -> None:
    assert b"A line of the team." in eventful.after["README.md"]
    assert b"docs/patterns/monitoring-watchdog.md" in eventful.after["README.md"]
    assert b"numpy>=2,<3" in eventful.after["pyproject.toml"]


def test_the_domain_and_files_of_the_team_stay(eventful: Eventful) -> None:
    for path in ("src/my_service/domain/model.py", "notes.md"):
        assert eventful.after[path] == eventful.before[path]
    assert "tests/domain/test_more.py" in eventful.after, "an example that is new"


def test_deleted_files_stay_deleted(eventful: Eventful) -> None:
    assert {"deploy/rolling.txt", "tests/domain/test_model.py"}.isdisjoint(eventful.after)


def test_what_to_do_next_is_told(eventful: Eventful) -> None:
    assert eventful.lines[-3:] == [
        "Next:",
        "  make lock          the dependencies changed",
        "  make check test    then read `git diff`, and commit",
    ]


# --- Ordinary updates -----------------------------------------------------------------------------------------------


def test_a_pattern_can_be_removed_and_added_again_by_the_makefile(place: Place) -> None:
    start = contents(place.service)
    place.append("src/my_service/probe.py", "A line of the team.\n")
    commit_all(place.service, "Our work")
    done = run("make", "update", "ARGS=--data 'monitoring=[system]'", cwd=place.service)
    assert "Pattern removed: monitoring/probe 1.0.0" in done.stdout
    assert "make lock" not in done.stdout, "no dependency changed"
    [kept] = place.service.glob("kept-by-update/*/src/my_service/probe.py")
    assert kept.read_text().endswith("A line of the team.\n")
    kept.unlink()
    commit_all(place.service, "Without the probe")

    done = run("make", "update", "ARGS=--data 'monitoring=[system, probe]'", cwd=place.service)
    assert "Pattern added: monitoring/probe 1.0.0" in done.stdout
    (place.service / "docs/decisions/changes.md").unlink()
    assert contents(place.service) == start


@thorough
def test_an_update_with_nothing_new_says_so(place: Place) -> None:
    before = contents(place.service)
    done = place.update()
    assert (done.returncode, done.stdout.strip()) == (0, "Nothing changed.")
    assert place.is_left_alone(before)


@thorough
def test_rejects_beside_the_files_count_as_conflicts(place: Place) -> None:
    core = (place.service / "src/my_service/core.py").read_text()
    place.write("src/my_service/core.py", core.replace("line 3\n", "line 3 of the team\n"))
    commit_all(place.service, "Our work")
    revise_a_file(place.template)
    place.release()
    done = place.update("--conflict", "rej")
    assert done.returncode == 1
    assert "  src/my_service/core.py.rej" in done.stdout.splitlines()
    assert "+line 3 of the team" in (place.service / "src/my_service/core.py.rej").read_text()


@thorough
def test_a_file_that_both_sides_add_is_a_conflict(place: Place) -> None:
    place.write("docs/added.md", "A page of the team.\n")
    commit_all(place.service, "Our work")
    add_a_file(place.template)
    place.release()
    assert place.update().returncode == 1
    merged = (place.service / "docs/added.md").read_text()
    assert merged.startswith("<<<<<<< before updating\nA page of the team.\n=======\nAn added page.\n")
    assert unmerged(place.service) == {"docs/added.md"}


@thorough
def test_a_service_in_a_folder_of_a_larger_repository(place: Place, tmp_path: Path) -> None:
    mono = tmp_path / "mono"
    run("git", "clone", "--quiet", place.service, tmp_path / "plain")
    (mono / "services").mkdir(parents=True)
    (mono / "other.md").write_text("Not the service's.\n")
    commit_all(mono)
    (tmp_path / "plain/.git").rename(tmp_path / "plain.git")
    place.service = (tmp_path / "plain").rename(mono / "services/my-service")
    core = (place.service / "src/my_service/core.py").read_text()
    place.write("src/my_service/core.py", core.replace("line 3\n", "line 3 of the team\n"))
    place.append("docs/guide.md", "A line of the team.\n")
    commit_all(mono, "A service")
    revise_a_file(place.template)
    remove_a_file(place.template)
    place.release()
    done = place.update()
    assert done.returncode == 1
    assert unmerged(mono) == {"services/my-service/src/my_service/core.py"}
    assert [path.name for path in place.service.glob("kept-by-update/*/docs/*")] == ["guide.md"]
    assert (mono / "other.md").read_text() == "Not the service's.\n"


def terminal(place: Place, *options: str) -> pexpect.spawn:
    """The update in a pseudo terminal, which does not answer where its cursor is."""
    return pexpect.spawn(
        sys.executable,
        [SCRIPT, *options],
        cwd=str(place.service),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
        env={**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1"},
    )


@thorough
def test_in_a_terminal_only_what_cannot_be_kept_is_asked(place: Place) -> None:
    """The pattern that is gone leaves a question open; the others are answered."""
    run("git", "rm", "-r", "--quiet", "pattern_fragments/monitoring/probe", cwd=place.template)
    place.release()
    child = terminal(place)
    child.expect_exact("Monitoring:")
    assert "Serving style" not in (child.before or "")
    child.send("\r")
    child.expect_exact("Pattern removed: monitoring/probe 1.0.0")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "monitoring:\n- system\n" in (place.service / ".copier-answers.yml").read_text()


@thorough
def test_one_question_can_be_asked_again(place: Place) -> None:
    child = terminal(place, "--ask", "deployment")
    child.expect_exact("Deployment strategy:")
    assert "Serving style" not in (child.before or "")
    child.send("\x1b[B\r")
    child.expect_exact("Pattern added: deployment/split 1.0.0")
    child.expect(pexpect.EOF)


# --- Updates that do not happen -------------------------------------------------------------------------------------


def refused(place: Place, *options: str) -> list[str]:
    """The lines of an update that must change nothing, the last one without its line break."""
    before = contents(place.service)
    done = place.update(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert contents(place.service) == before
    return done.stderr.splitlines()


def test_without_git_it_is_refused(place: Place) -> None:
    (place.service / ".git").rename(place.service.parent / "elsewhere")
    assert refused(place)[-1].startswith("This is no git repository with a commit;")


@pytest.mark.parametrize("path", ["README.md", "new.md"])
def test_changes_that_are_not_committed_are_refused(place: Place, path: str) -> None:
    run("git", "config", "status.showUntrackedFiles", "no", cwd=place.service)
    place.write(path, "Not committed.\n")
    [line] = refused(place)
    assert line == "There are changes that are not committed; commit or stash them first."


NOT_UPDATED = "Not updated, for the reason above. Nothing here has changed."


def source_is(place: Place, source: str) -> None:
    answers = place.service / ".copier-answers.yml"
    lines = [line for line in answers.read_text().splitlines(True) if not line.startswith("_src_path: ")]
    answers.write_text("".join([*lines, f"_src_path: {source}\n"]))
    commit_all(place.service)


def test_a_template_that_is_gone_is_refused(place: Place) -> None:
    place.template.rename(place.template.parent / "elsewhere")
    [line] = refused(place)
    assert line.startswith(f"The template is not at '{place.template}': set _src_path in .copier-answers.yml")


def test_a_template_that_was_given_by_a_relative_path_is_refused(place: Place) -> None:
    source_is(place, f"../{place.template.name}")
    [line] = refused(place)
    assert line.startswith(f"The template is not at '../{place.template.name}': set _src_path")
    assert "absolute path of a clone" in line


def test_a_template_that_git_cannot_clone_is_refused_without_a_traceback(place: Place) -> None:
    source_is(place, f"git+file://{place.template}/nowhere")
    said = "\n".join(refused(place))
    assert "Traceback" not in said
    assert "nowhere' does not" in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--conflict", "none"), "Error: Argument of conflict expected to be {rej, inline}, not 'none':"),
        (("--data", "serving"), "ValueError: not enough values to unpack (expected 2, got 1)"),
    ],
)
def test_wrong_options_are_refused_without_help_or_traceback(
    place: Place, options: tuple[str, ...], reason: str
) -> None:
    assert refused(place, *options) == [reason, NOT_UPDATED]


@pytest.mark.parametrize("option", ["--help", "--version", "--pretend"])
def test_options_without_an_update_are_refused(place: Place, option: str) -> None:
    assert refused(place, option) == [f"With {option} Copier updates nothing; leave it out. Nothing here has changed."]


def test_another_repository_is_not_updated(place: Place, tmp_path: Path) -> None:
    other = clone(place.service, tmp_path / "other")
    follow(other, place.template)
    before = contents(other)
    revise_a_file(place.template)
    place.release()
    reason, last = refused(place, str(other))
    assert reason == f"Error: Expected at most 1 positional argument, got ['.', '{other}']"
    assert last == NOT_UPDATED
    assert contents(other) == before


def test_what_git_refuses_is_no_deletion(place: Place) -> None:
    """With a file that git may not add, its index is empty: as if everything were deleted."""
    place.write("notes.md", "A line of the team.\r\n")
    run("git", "config", "core.autocrlf", "false", cwd=place.service)
    commit_all(place.service, "Our work")
    run("git", "config", "core.autocrlf", "input", cwd=place.service)
    run("git", "config", "core.safecrlf", "true", cwd=place.service)
    revise_a_file(place.template)
    place.release()
    before = contents(place.service)
    line = refused(place)[-1]
    assert line.startswith("Not updated: `git add` says 'fatal: CRLF would be replaced by LF in notes.md'.")
    assert place.is_left_alone(before)


def test_a_copy_that_git_cannot_make_is_refused(place: Place) -> None:
    (place.service / ".git/worktrees").write_text("No folder.\n")
    [line] = refused(place)
    assert line.startswith("Not updated: `git worktree` says 'fatal: ")


@pytest.mark.parametrize(
    ("ignored", "obstacle"),
    [("docs/added.md/a file.txt", "docs/added.md"), ("docs", "docs")],
    ids=["a folder for a file", "a file for a folder"],
)
def test_what_git_ignores_and_stands_in_the_way_is_refused(place: Place, ignored: str, obstacle: str) -> None:
    run("git", "rm", "-r", "--quiet", "docs", cwd=place.service)
    commit_all(place.service, "Without pages")
    (place.service / ".git/info/exclude").write_text("docs\n")
    place.write(ignored, "A file of the team that git ignores.\n")
    for change in (add_a_file, revise_a_file):
        change(place.template)
    place.release()
    before = contents(place.service)
    assert refused(place)[-1] == f"{obstacle} is in the way; move it. Nothing here has changed."
    assert place.is_left_alone(before)


@thorough
def test_a_file_that_becomes_a_folder_is_refused(place: Place) -> None:
    """Copier cannot make room for it, nor for a folder that becomes a file."""
    system = folder_of(place.template, "ML-MON-901")
    metrics = system / "files/src/__package__/metrics.py"
    metrics.unlink()
    give(system, "files/src/__package__/metrics.py/one.txt", "One.\n")
    list_files(system)
    place.release()
    before = contents(place.service)
    reason, last = refused(place)[-2:]
    assert reason.startswith("NotADirectoryError")
    assert last == NOT_UPDATED
    assert place.is_left_alone(before)


def test_a_service_of_a_plain_folder_is_refused(place: Place) -> None:
    answers = place.service / ".copier-answers.yml"
    answers.write_text("".join(line for line in answers.read_text().splitlines(True) if "_commit" not in line))
    commit_all(place.service)
    *_, reason, last = refused(place)
    assert "cannot obtain old template references" in reason
    assert last == NOT_UPDATED


def test_a_pattern_that_is_gone_is_refused_until_the_team_chooses(place: Place) -> None:
    run("git", "rm", "-r", "--quiet", "pattern_fragments/monitoring/probe", cwd=place.template)
    place.release()
    *_, reason, last = refused(place)
    assert reason.endswith("Invalid choice for 'monitoring': 'probe' is not in ['system']")
    assert last == NOT_UPDATED

    done = place.update("--data", "monitoring=[system]")
    assert done.returncode == 0
    assert "Pattern removed: monitoring/probe 1.0.0" in done.stdout


def test_an_update_that_fails_half_way_leaves_nothing_behind(place: Place) -> None:
    revise_a_file(place.template)
    slot = folder_of(place.template, "ML-FEAT-901") / "slots/README"
    slot.write_text("{{ no_such_name }}\n")
    place.release()
    before = contents(place.service)
    assert refused(place)[-1] == NOT_UPDATED
    assert place.is_left_alone(before)
    copier("update", "--defaults", cwd=place.service, check=False)
    assert contents(place.service) != before, "Copier alone leaves half an update"


@thorough
def test_an_update_that_is_interrupted_leaves_nothing_behind(place: Place) -> None:
    revise_a_file(place.template)
    place.release()
    before = contents(place.service)
    process = subprocess.Popen(
        [sys.executable, SCRIPT],
        cwd=place.service,
        start_new_session=True,
        # A shell that started the tests in the background has them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while len(run("git", "worktree", "list", cwd=place.service).stdout.splitlines()) == 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 2
    assert place.is_left_alone(before)
