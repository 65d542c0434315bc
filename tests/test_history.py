"""Real history: a service made by any earlier revision of this repository becomes what the newest one would make.

The everyday run takes the first revision and the newest release; `make prove` takes every commit that changed the
template.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import PROVE, ROOT, commit_all, contents, copier, run, tracked_files

TEMPLATE = ("copier.yml", "templates", "pattern_fragments")


def git(*arguments: str) -> list[str]:
    """The lines that git prints about this repository; none where it has nothing to say."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def revisions() -> list[str]:
    """The commits to update from, oldest first."""
    known = git("log", "--format=%h", "--reverse", "--", *TEMPLATE)
    if PROVE:
        return known
    releases = git("describe", "--tags", "--abbrev=0", "--match", "v*")
    return list(dict.fromkeys([*known[:1], *releases]))


def cases() -> list[tuple[str, str]]:
    """Each revision with an answer for each golden path that it knew, and with that for none."""
    found = []
    for revision in revisions():
        names = [Path(name).stem for name in git("ls-tree", "--name-only", revision, "templates/golden_paths/")]
        answers = [f"golden_path={name}" for name in names]
        without = [line for line in git("show", f"{revision}:templates/compose.jinja") if "'custom'" in line]
        if without:
            # Revisions that know the question of guidance read what earlier ones called a path.
            is_read = any("_copier_answers" in line for line in without)
            answers.append("guidance=direct" if is_read else "golden_path=custom")
        found += [(revision, answer) for answer in answers]
    return found


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository with its history, and the working tree as its newest commit."""
    if git("rev-parse", "--is-shallow-repository") == ["true"]:
        pytest.skip("this clone is shallow, so its history cannot be tested; run `git fetch --unshallow`")
    folder = tmp_path_factory.mktemp("history") / "ai-patterns"
    run("git", "clone", "--quiet", ROOT, folder)
    run("git", "config", "user.name", "test", cwd=folder)
    run("git", "config", "user.email", "test@example.invalid", cwd=folder)
    run("git", "rm", "-r", "--quiet", ".", cwd=folder)
    for name in tracked_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    commit_all(folder, "The working tree")
    return folder


def outside_the_domain(folder: Path) -> dict[str, bytes]:
    """The files that an update keeps current."""
    package = f"src/{folder.name.replace('-', '_')}/domain/"
    return {name: text for name, text in contents(folder).items() if not name.startswith((package, "tests/domain/"))}


@pytest.mark.parametrize(("revision", "answer"), cases())
def test_a_service_of_an_earlier_revision_becomes_a_fresh_one(
    repository: Path, tmp_path: Path, revision: str, answer: str
) -> None:
    service, fresh = tmp_path / "old" / "flight-delays", tmp_path / "new" / "flight-delays"
    copier("copy", "--defaults", "--quiet", "--vcs-ref", revision, "--data", answer, repository, service)
    commit_all(service, "Start")
    old_domain = contents(service).keys() - outside_the_domain(service).keys()
    before = contents(service)

    copier("update", "--defaults", "--quiet", "--vcs-ref", "HEAD", cwd=service)

    answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
    (tmp_path / "answers.yml").write_text(
        yaml.safe_dump({name: value for name, value in answers.items() if not name.startswith("_")})
    )
    data = ("--data-file", tmp_path / "answers.yml")
    copier("copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", *data, repository, fresh)
    after = contents(service)
    assert outside_the_domain(service) == outside_the_domain(fresh)
    assert all(after[name] == before[name] for name in old_domain), "the domain belongs to the team"
    assert run("git", "ls-files", "--unmerged", cwd=service).stdout == ""

    commit_all(service, "Update")
    copier("update", "--defaults", "--quiet", "--vcs-ref", "HEAD", cwd=service)
    assert contents(service) == after
