"""The hooks that generated services can use."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from hooks import copier_conflicts, patterns_lock
from hooks.findings import Finding

LOCK = """\
# The patterns.
[[pattern]]
id = "ML-SERV-001"
decision = "serving"
value = "online"
version = "1.0.0"

[[pattern]]
id = "ML-MON-001"
decision = "monitoring"
value = "system"
version = "1.0.0"
"""
ANSWERS = "# Written by Copier.\n_commit: v1.0.0\nmonitoring:\n- system\nserving: online\n"


def only(findings: Iterable[Finding]) -> Finding:
    found = list(findings)
    assert len(found) == 1, [finding.text(Path("/")) for finding in found]
    return found[0]


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "patterns.lock").write_text(LOCK)
    (tmp_path / ".copier-answers.yml").write_text(ANSWERS)
    return tmp_path


def test_a_lock_that_agrees_with_the_answers_has_no_findings(service: Path) -> None:
    assert list(patterns_lock.check_lock(service)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected", "message"),
    [
        (".copier-answers.yml", "- system", "- system\n- drift", (".copier-answers.yml", 3, "monitoring"), "drift is"),
        (".copier-answers.yml", "\n- system", " []", ("patterns.lock", 8, "monitoring"), "system is locked"),
        (".copier-answers.yml", "serving", "- x: [", (".copier-answers.yml", 5, "file"), "is not YAML"),
        ("patterns.lock", '"1.0.0"', '"1"', ("patterns.lock", 2, "version"), "missing or malformed"),
        ("patterns.lock", '"1.0.0"', "", ("patterns.lock", 6, "file"), "is not TOML"),
        ("patterns.lock", "ML-SERV-001", "ML-MON-001", ("patterns.lock", 8, "id"), "on line 2 too"),
        ("patterns.lock", LOCK, "# nothing\n", ("patterns.lock", 1, "pattern"), "no [[pattern]] tables"),
    ],
)  # fmt: skip
def test_a_lock_that_disagrees_is_found(
    service: Path, file: str, old: str, new: str, expected: tuple[str, int, str], message: str
) -> None:
    text = (service / file).read_text()
    assert old in text
    (service / file).write_text(text.replace(old, new, 1))
    finding = only(patterns_lock.check_lock(service))
    assert (finding.path.name, finding.line, finding.field) == expected
    assert message in finding.message


@pytest.mark.parametrize("file", ["patterns.lock", ".copier-answers.yml"])
def test_a_missing_lock_or_answers_file_is_found(service: Path, file: str) -> None:
    (service / file).unlink()
    assert "is missing; restore it" in only(patterns_lock.check_lock(service)).message


def test_what_an_update_left_is_found(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "build").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "build/a.txt").write_text("<<<<<<< before updating\n")
    (tmp_path / "a.txt").write_text("1\n<<<<<<< before updating\n2\n=======\n3\n>>>>>>> after updating\n")
    (tmp_path / "b.txt.rej").write_text("@@ -1 +1 @@\n")
    (tmp_path / "c.md").write_text("Copier writes `<<<<<<< before updating`.\n")
    found = list(copier_conflicts.check_conflicts(tmp_path))
    assert [(finding.path.name, finding.line) for finding in found] == [("a.txt", 2), ("a.txt", 6), ("b.txt.rej", 1)]
