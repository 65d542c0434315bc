"""Where a model comes from: data, code, settings and software."""

import platform
import shutil
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

SOFTWARE = ("numpy", "onnxruntime", "polars", "scikit-learn", "skl2onnx")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What training.json holds: enough to train the same model again."""

    started_at: datetime
    start: datetime
    split: datetime
    end: datetime
    seed: int
    train_rows: int
    test_rows: int
    data_fingerprint: str
    git_revision: str | None
    seconds: dict[str, float]
    software: dict[str, str]


def software() -> dict[str, str]:
    """The versions of what the model's bytes depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in SOFTWARE}


def git_revision(folder: Path) -> str | None:
    """The commit of the repository around `folder`; None outside of git.

    `-dirty` says that files are changed or new since: their content is in no commit.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    return f"{commit}-dirty" if commit and _git(folder, "status", "--porcelain") else commit


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails, prints nothing or is not there."""
    git = shutil.which("git")
    if git is None:
        return None
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [git, "-C", folder, *arguments], capture_output=True, text=True, check=False
    )
    return (ran.stdout.strip() or None) if ran.returncode == 0 else None
