"""The template as a user gets it: a git clone of this working tree, and Copier's own command line without trust."""

import os
import shutil
import subprocess
import traceback
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import yaml
from copier._cli import CopierApp

from proof.template import ROOT as ROOT
from proof.template import copy_template
from proof.template import tracked_files as tracked_files

OLDEST_COPIER = "9.15.0"
PROVE = bool(os.environ.get("PROVE"))
thorough = pytest.mark.skipif(not PROVE, reason="takes long: `make prove` runs it")

Run = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: str | Path, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal; with `check`, a failure shows the command's own output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if check and done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def copier(*arguments: str | Path, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Copier's command line, in this process: to start one takes longer than to copy."""
    command = ["copier", *map(str, arguments)]
    out, err = StringIO(), StringIO()
    with chdir(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        try:
            _, code = CopierApp.run(command, exit=False)
        except Exception:  # noqa: BLE001 - what Python prints of it is part of what a user sees
            traceback.print_exc()
            code = 1
    if check and code:
        pytest.fail(f"{command} ended with {code}:\n{out.getvalue()[-4000:]}\n{err.getvalue()[-4000:]}")
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def commit_all(repository: Path, message: str = "Change", tag: str | None = None) -> None:
    """Commit everything in `repository`, starting it when it is new."""
    if not (repository / ".git").exists():
        run("git", "init", "--quiet", "--initial-branch", "main", cwd=repository)
        run("git", "config", "user.name", "test", cwd=repository)
        run("git", "config", "user.email", "test@example.invalid", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--allow-empty", "--message", message, cwd=repository)
    if tag:
        run("git", "tag", tag, cwd=repository)


def add_pattern(template: Path, decision: str, value: str, identity: str, **fields: object) -> Path:
    """Drop a small pattern into `template`; `fields` are added to its manifest."""
    folder = template / "pattern_fragments" / decision / value
    (folder / "slots").mkdir(parents=True)
    manifest = {
        "id": identity,
        "decision": decision,
        "value": value,
        "name": f"{value.title()} pattern",
        "summary": "Stands for a pattern in a test.",
        "version": "1.0.0",
        "status": "stable",
        "context": "A test asked for it.",
        "consequences": {"gains": ["one"], "costs": ["another"]},
        "revisit_when": "The test ends.",
        **fields,
    }
    (folder / "pattern.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    (folder / "pattern.md").write_text(f"# {value.title()} pattern\n\nIts page.\n")
    (folder / "pattern.mmd").write_text("flowchart LR\n  a --> b\n")
    return folder


CENSUS = {"name": "census_hours", "type": "int", "default": 24, "ge": 1, "help": "Hours between two counts."}


def give(pattern: Path, path: str, text: str) -> None:
    """Add a file to a pattern's folder."""
    target = pattern / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but git's own, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="session")
def plain_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This working tree as a plain folder, without git."""
    return copy_template(tmp_path_factory.mktemp("plain") / "ai-patterns")


@pytest.fixture(scope="session")
def git_template(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This working tree as a git repository of one commit, tagged v1.0.0. Read only: clone it to change it."""
    folder = tmp_path_factory.mktemp("git") / "ai-patterns"
    shutil.copytree(plain_template, folder)
    commit_all(folder, tag="v1.0.0")
    return folder


@pytest.fixture(scope="session")
def wide_template(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with small patterns more in each decision, some of which rule others out. Read only.

    Some real ones are left out, so that all combinations can be gone through.
    """
    root = tmp_path_factory.mktemp("wide") / "ai-patterns"
    shutil.copytree(plain_template, root)
    for name in ("deployment/ab_test", "deployment/shadow", "monitoring/data_quality", "monitoring/drift"):
        shutil.rmtree(root / "pattern_fragments" / name)
    offline = add_pattern(
        root, "serving", "offline", "ML-SERV-900", provides=["endpoints"], files=["src/__package__/offline.py"]
    )
    give(offline, "files/src/__package__/offline.py", '"""Scores files of __package__."""\n')
    give(offline, "slots/Makefile", ".PHONY: score\nscore: ## score a file\n\t@echo __package__\n")
    split = add_pattern(root, "deployment", "split", "ML-DEP-900", needs=["http"], provides=["traffic_split"])
    give(
        split,
        "slots/checklist",
        "- [ ] The split{% if 'probes' in capabilities %} and its probe{% endif %} was tried.\n",
    )
    add_pattern(root, "deployment", "mirror", "ML-DEP-901", needs=["http"])
    probe = add_pattern(
        root,
        "monitoring",
        "probe",
        "ML-MON-900",
        needs=["traffic_split"],
        provides=["probes"],
        files=["src/__package__/probe.py", {"path": "src/__package__/probe_route.py", "when": "http"}],
        settings=[{"name": "probe_seconds", "type": "int", "default": 5, "ge": 1, "help": "Seconds between probes."}],
    )
    give(probe, "files/src/__package__/probe.py", '"""A probe."""\n')
    give(probe, "files/src/__package__/probe_route.py", '"""Where it is seen."""\n')
    add_pattern(root, "monitoring", "census", "ML-MON-901", settings=[{**CENSUS, "when": "probes"}])
    remote = add_pattern(
        root,
        "feature_store",
        "remote",
        "ML-FEAT-900",
        provides=["features"],
        files=["src/__package__/feature_store/online.py"],
    )
    give(remote, "files/src/__package__/feature_store/online.py", '"""Another file of the same path."""\n')
    return root


@pytest.fixture
def template(git_template: Path, tmp_path: Path) -> Path:
    """A clone of the template that a test may change."""
    folder = tmp_path / "template"
    run("git", "clone", "--quiet", git_template, folder)
    run("git", "config", "user.name", "test", cwd=folder)
    run("git", "config", "user.email", "test@example.invalid", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def default_service(git_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of `copier copy --defaults`. Read only."""
    folder = tmp_path_factory.mktemp("services") / "flight-delays"
    copier("copy", "--defaults", git_template, folder)
    return folder
