"""Hook for generated services: nothing that an update left undecided is committed.

Copier marks a clash inside the file, between `<<<<<<< before updating` and `>>>>>>> after updating`,
or, with `--conflict rej`, beside it in a *.rej file.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding, report

MARK = re.compile(rb"^(<{7} before updating|>{7} after updating)\r?$", re.MULTILINE)


def check_conflicts(root: Path) -> Iterator[Finding]:
    """The findings in every file that git tracks or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout
    for name in sorted(set(listing.decode("utf-8", errors="surrogateescape").split("\0"))):
        path = root / name
        if not name or not path.is_file() or path.is_symlink():
            continue
        if path.suffix == ".rej":
            yield Finding(path, 1, "conflict", "holds what an update could not apply; apply it, then remove it")
            continue
        content = path.read_bytes()
        for mark in MARK.finditer(content):
            line = content.count(b"\n", 0, mark.start()) + 1
            shown = mark[1].decode()
            yield Finding(path, line, "conflict", f"`{shown}` is left from an update; decide, remove the marks")


def main() -> int:
    """Check the repository in the working folder."""
    root = Path.cwd()
    try:
        return report(check_conflicts(root), root)
    except subprocess.CalledProcessError:
        print(f"{root} is no git repository; run this in one", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
