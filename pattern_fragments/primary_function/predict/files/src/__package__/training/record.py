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
    """The commit that `folder` is at, with `-dirty` after local edits; None outside of git."""
    git = shutil.which("git")
    if git is None:
        return None
    described = subprocess.run(  # noqa: S603 - fixed arguments
        [git, "-C", folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or None
