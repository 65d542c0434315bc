"""Git, asked for something; its refusals are sentences."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SECONDS = 60
# What a git that runs a hook hands down: the repository would be that one, not the one that is named.
HANDED_DOWN = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)


class GitError(Exception):
    """Git refused, took too long or is not there; the message is the last line of what it said."""


def git_bytes(
    *arguments: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    content: bytes = b"",
    seconds: float = SECONDS,
) -> bytes:
    """What git prints; it asks nobody for a password. Raises GitError."""
    inherited = {name: value for name, value in os.environ.items() if name not in HANDED_DOWN}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={**inherited, "GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", **(environment or {})},
            input=content,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=True,  # without a terminal, ssh has nobody to ask either
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} took longer than {seconds:.0f} seconds") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        raise GitError(said[-1] if said else f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout


def git(
    *arguments: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> str:
    """The same as text; bytes that are no UTF-8 are kept as surrogates."""
    printed = git_bytes(*arguments, cwd=cwd, environment=environment, seconds=seconds)
    return printed.decode("utf-8", errors="surrogateescape")
