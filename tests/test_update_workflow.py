"""The workflow of docs/fleet.md that proposes updates: its steps are run as they stand there, on a real service."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, commit_all, run
from small_template import clone, follow, new_service, small_template
from template_changes import require_a_package, revise_a_file

UV = f"""#!/bin/sh
case "$1" in
  run) shift 2; exec {sys.executable} "$@" ;;
  lock) echo locked > uv.lock ;;
esac
"""
GH = """#!/bin/sh
echo "$@" >> "$RUNNER_TEMP/gh.txt"
case "$2" in list) cat "$RUNNER_TEMP/proposed" ;; esac
"""


def workflow() -> dict[str, Any]:
    """The workflow, as the guide shows it."""
    guide = (ROOT / "docs/fleet.md").read_text()
    (block,) = re.findall(r"```yaml\n(name: Update patterns\n.*?)```", guide, re.DOTALL)
    document = yaml.safe_load(block)
    assert isinstance(document, dict)
    return document


def steps() -> list[dict[str, Any]]:
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


@dataclass
class Runner:
    """What GitHub gives to a run: a shallow checkout of the service, and a folder for what is passed on."""

    template: Path
    origin: Path
    root: Path

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def proposed(self) -> list[str]:
        """The branches of the service's origin."""
        return run("git", "branch", "--format=%(refname:short)", cwd=self.origin).stdout.split()

    @property
    def asked(self) -> str:
        """What gh was asked for."""
        return (self.root / "temp/gh.txt").read_text()

    def step(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one step in a fresh checkout."""
        (script,) = [step["run"] for step in steps() if step.get("name") == name]
        run("rm", "-rf", self.checkout)
        run("git", "clone", "--quiet", "--depth=1", f"file://{self.origin}", self.checkout)
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.checkout,
            env=os.environ
            | {
                "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
                "RUNNER_TEMP": str(self.root / "temp"),
                "GITHUB_OUTPUT": str(self.root / "output"),
                "GITHUB_SHA": run("git", "rev-parse", "HEAD", cwd=self.checkout).stdout.strip(),
            }
            | environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def update(self) -> dict[str, str]:
        """The outputs of the first job."""
        done = self.step("Update")
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(line.split("=", 1) for line in (self.root / "output").read_text().splitlines())

    def propose(self, state: str, version: str) -> subprocess.CompletedProcess[str]:
        return self.step("Propose", STATE=state, VERSION=version)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A template and a service of it. Read only."""
    root = tmp_path_factory.mktemp("first")
    template = small_template(root / "template")
    return template, new_service(template, root / "my-service")


def make_runner(first: tuple[Path, Path], folder: Path) -> Runner:
    template, service = clone(first[0], folder / "template"), clone(first[1], folder / "my-service")
    follow(service, template)
    (folder / "temp").mkdir(parents=True)
    (folder / "temp/proposed").write_text("0\n")
    (folder / "bin").mkdir()
    for name, text in (("uv", UV), ("gh", GH)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return Runner(template, service, folder)


@pytest.fixture
def runner(first: tuple[Path, Path], tmp_path: Path) -> Runner:
    """A service without an update."""
    return make_runner(first, tmp_path)


@pytest.fixture(scope="module")
def clean_update(first: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """What the first job left behind of a release without conflicts, and its outputs. Read only."""
    runner = make_runner(first, tmp_path_factory.mktemp("clean") / "runner")
    revise_a_file(runner.template)
    require_a_package(runner.template)
    commit_all(runner.template, "Release", tag="v1.1.0")
    return runner.root, runner.update()


@pytest.fixture
def updated(clean_update: tuple[Path, dict[str, str]], tmp_path: Path) -> Runner:
    """A service whose first job is done."""
    root = clone(clean_update[0], tmp_path / "runner")
    return Runner(root / "template", root / "my-service", root)


def test_a_release_is_proposed_with_its_lock_and_its_report(
    updated: Runner, clean_update: tuple[Path, dict[str, str]]
) -> None:
    assert clean_update[1] == {"state": "clean", "version": "v1.1.0"}
    done = updated.propose("clean", "v1.1.0")
    assert done.returncode == 0, done.stderr
    assert updated.proposed == ["main", "patterns/v1.1.0"]
    changed = run("git", "diff", "--name-only", "main", "patterns/v1.1.0", cwd=updated.origin).stdout.split()
    assert {"src/my_service/core.py", "patterns.lock", ".copier-answers.yml", "uv.lock"} <= set(changed)
    assert "pr create --head patterns/v1.1.0 --title Update patterns to v1.1.0" in updated.asked
    assert "--draft" not in updated.asked
    body = (updated.root / "temp/body.md").read_text()
    assert "    Pattern changed: primary_function/predict 1.0.0 → 1.1.0" in body


def test_a_conflict_is_proposed_as_a_draft_with_its_marks(runner: Runner) -> None:
    core = runner.origin / "src/my_service/core.py"
    core.write_text(core.read_text().replace("line 3\n", "line 3 of the team\n"))
    commit_all(runner.origin, "Our work")
    revise_a_file(runner.template)
    commit_all(runner.template, "Release", tag="v1.1.0")
    outputs = runner.update()
    assert outputs["state"] == "conflict"
    assert runner.propose(**outputs).returncode == 0
    assert (
        "<<<<<<< before updating\nline 3 of the team"
        in run("git", "show", "patterns/v1.1.0:src/my_service/core.py", cwd=runner.origin).stdout
    )
    assert "--draft" in runner.asked
    assert (runner.root / "temp/body.md").read_text().startswith("**In conflict.**")


def test_a_release_that_was_proposed_before_is_left_alone(updated: Runner) -> None:
    (updated.root / "temp/proposed").write_text("1\n")
    done = updated.propose("clean", "v1.1.0")
    assert (done.returncode, done.stdout) == (0, "v1.1.0 was proposed before\n")
    assert updated.proposed == ["main"]
    assert "create" not in updated.asked


def test_without_a_release_there_is_nothing_to_propose(runner: Runner) -> None:
    assert runner.update() == {"state": "none"}


def test_an_update_that_is_refused_fails_the_run_and_says_why(runner: Runner) -> None:
    run("git", "rm", "-r", "--quiet", "pattern_fragments/deployment/rolling", cwd=runner.template)
    commit_all(runner.template, "Release", tag="v2.0.0")
    done = runner.step("Update")
    assert done.returncode
    assert "rolling" in done.stdout


def test_the_job_with_the_token_writes_no_branch_but_one_of_a_version(updated: Runner) -> None:
    before = run("git", "rev-parse", "main", cwd=updated.origin).stdout
    for version in ("", "../main", "v1 --force", "v1;id", "$(id)", "v1:main"):
        done = updated.propose("clean", version)
        assert (done.returncode, done.stderr) == (1, f"'{version}' is no version\n")
    updated.propose("clean", "main")
    assert updated.proposed == ["main", "patterns/main"]
    assert run("git", "rev-parse", "main", cwd=updated.origin).stdout == before


def test_no_job_may_do_more_than_it_needs() -> None:
    document = workflow()
    assert document["permissions"] == {}
    update, propose = document["jobs"]["update"], document["jobs"]["propose"]
    assert update["permissions"] == propose["permissions"] == {"contents": "read"}
    assert "secrets." not in str(update)
    scripts = "\n".join(step.get("run", "") for step in propose["steps"])
    assert not re.search(r"^\s*(make|uv|python3?|copier|sh|bash|\.?/)", scripts, re.MULTILINE)
    token = propose["steps"][0]["with"]
    granted = {name: value for name, value in token.items() if name.startswith("permission-")}
    assert granted == {
        "permission-contents": "write",
        "permission-pull-requests": "write",
        "permission-workflows": "write",
    }


def test_every_action_is_pinned_and_no_expression_enters_a_script() -> None:
    for step in steps():
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40))
        assert "${{" not in step.get("run", "")


def test_the_actions_are_those_of_the_services() -> None:
    """So that a service has one version of each to keep current."""
    own = "".join(path.read_text() for path in (ROOT / "templates/service/.github/workflows").iterdir())
    shared = [use for step in steps() if (use := step.get("uses", "")) and use.partition("@")[0] in own]
    assert len(shared) == 4
    assert all(use in own for use in shared)
