"""A repository with a history of several persons, and a kubectl that only builds overlays."""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[2]
ASKER, MAKER, RELEASER, DECIDER, ANOTHER = (
    f"{name} <{name.lower()}@example.com>"
    for name in ("Asker", "Maker", "Releaser", "Decider", "Another")
)
DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
IMAGE = f"registry/name:1.2.3@{DIGEST}"
DAY = timedelta(days=1)
# Whatever else it is asked fails, so that what was asked first is all that is asked.
KUBECTL = """#!/bin/sh
echo "$*" >> "{folder}/calls"
case "$*" in
    "kustomize "*) sed -n "s/^image: /  - image: /p" "$2/kustomization.yaml" ;;
    *" get "*) if [ -f "{folder}/cluster" ]; then cat "{folder}/cluster"; else exit 1; fi ;;
    *) exit 1 ;;
esac
"""


def moment(days: int = 0) -> str:
    """So many days from now, as TOML has a moment."""
    return f"{datetime.now(UTC) + days * DAY:%Y-%m-%dT%H:%M:%SZ}"


def day(days: int = 0) -> str:
    """So many days from today, as TOML has a day."""
    return moment(days)[:10]


@dataclass
class Repository:
    """A clone of a service's repository, and what runs in it."""

    root: Path
    bin: Path

    @property
    def approval(self) -> Path:
        return self.root / "approvals" / "1.2.3.toml"

    def git(self, *arguments: str, by: str = MAKER) -> str:
        """Run git as somebody."""
        return self._run("git", *arguments, by=by, check=True).stdout.strip()

    def commit(self, by: str) -> str:
        """Commit all that there is, and bring it to the branch of the origin."""
        self.git("add", "--all", by=by)
        self.git("commit", "--allow-empty", "--message=A change", by=by)
        self.git("push", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def rollout(self, environment: str = "production", *command: str) -> str:
        """Roll out; what is said on the way to where this kubectl fails, or to a refusal."""
        ran = self._run(sys.executable, "deploy/rollout.py", environment, *command)
        assert ran.returncode == 1
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def approve(self, *arguments: str, by: str = DECIDER) -> subprocess.CompletedProcess[str]:
        """Run deploy/approve.py as somebody."""
        return self._run(sys.executable, "deploy/approve.py", *arguments, by=by)

    def changed_the_cluster(self) -> bool:
        """Whether anything was asked of kubectl beside what an overlay or the cluster holds."""
        calls = self.bin / "calls"
        rows = calls.read_text().splitlines() if calls.exists() else []
        return any("kustomize " not in row and " get rollouts" not in row for row in rows)

    def decide(self, by: str = DECIDER, **other: str) -> None:
        """Write a decision below the request, without the command that would refuse a wrong one."""
        request = self.approval.read_text().partition("\n[decision]\n")[0]
        fields = {
            "outcome": '"approved"',
            "by": f'"{by}"',
            "at": moment(),
            "expires": day(30),
            "grounds": '"Better in every month."',
            "conditions": '["Staff can overrule it."]',
            "about": f'"{sha256(request.encode()).hexdigest()}"',
        } | other
        lines = [f"{name} = {value}" for name, value in fields.items()]
        self.approval.write_text(request + "\n[decision]\n" + "\n".join(lines) + "\n")

    def name_in_overlay(self, image: str, environment: str = "production") -> None:
        """Let an overlay name an image."""
        overlay = self.root / "deploy" / "overlays" / environment
        overlay.mkdir(parents=True, exist_ok=True)
        (overlay / "kustomization.yaml").write_text(f"namespace: name\nimage: {image}\n")

    def _run(
        self, *command: str, by: str = MAKER, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        name, _, address = by.rstrip(">").partition(" <")
        persons = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", address))
        }
        path = f"{self.bin}:{os.environ['PATH']}"
        alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": path}
        return subprocess.run(  # noqa: S603 - git, and the scripts under test
            command,
            cwd=self.root,
            env={**os.environ, **alone, **persons},
            capture_output=True,
            text=True,
            check=check,
        )


def write_model(folder: Path, revision: str) -> Path:
    """A model folder as training leaves it, as far as an approval reads it."""
    (folder / "plots").mkdir(parents=True)
    (folder / "plots" / "curves.png").write_text("drawn")
    (folder / "model.onnx").write_text("graph")
    (folder / "MODEL_CARD.md").write_text("# name 20130701-1")
    (folder / "signature.json").write_text(json.dumps({"version": "20130701-1"}))
    (folder / "training.json").write_text(json.dumps({"git_revision": revision}))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Repository:
    """A service in which nobody has asked for anything; its overlays name the image."""
    found = Repository(tmp_path / "clone", tmp_path / "bin")
    found.root.mkdir()
    found.bin.mkdir()
    kubectl = found.bin / "kubectl"
    kubectl.write_text(KUBECTL.format(folder=found.bin))
    kubectl.chmod(stat.S_IRWXU)
    shutil.copy(SERVICE / "pyproject.toml", found.root)
    (found.root / ".gitignore").write_text("__pycache__/\n/model/\n")
    for path in ("*.py", "base/*.yaml"):
        for source in (SERVICE / "deploy").glob(path):
            target = found.root / source.relative_to(SERVICE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    found.git("init", "--bare", "--initial-branch=main", str(tmp_path / "origin"))
    found.git("init", "--initial-branch=main")
    found.git("remote", "add", "origin", str(tmp_path / "origin"))
    write_model(found.root / "model", found.commit(MAKER))
    found.name_in_overlay(IMAGE, "staging")
    found.name_in_overlay(IMAGE)
    found.commit(RELEASER)
    return found


@pytest.fixture
def asked(empty: Repository) -> Repository:
    """The service after somebody has asked for the image in production."""
    ran = empty.approve("ask", IMAGE, "--model", "model", by=ASKER)
    assert ran.returncode == 0, ran.stderr
    empty.commit(ASKER)
    return empty


@pytest.fixture
def approved(asked: Repository) -> Repository:
    """The service after somebody else has approved it."""
    asked.decide()
    asked.commit(DECIDER)
    return asked
