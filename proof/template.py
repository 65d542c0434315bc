"""The template as a user gets it: what git tracks or would track of the working tree, without what tools left there."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def tracked_files(root: Path = ROOT) -> list[str]:
    """Paths relative to `root`, sorted."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(name for name in set(listed) if name and (root / name).is_file())


def copy_template(folder: Path, root: Path = ROOT) -> Path:
    """Copy the tracked files of `root` to `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in tracked_files(root):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    return folder
