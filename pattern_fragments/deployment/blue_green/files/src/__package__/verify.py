"""Ask the active version and the new one about the same rows.

The command is `python -m __package__.verify`.
"""

import argparse
import sys
from collections.abc import Sequence

from .model_folder import ModelFolder
from .settings import read_settings
from .verification.asking import ask_in_turn
from .verification.examples import Examples
from .verification.verdict import judge
from .wiring import build_headers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when the new version must not take over."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.verify",
        description="Whether a new version may take over from the active one.",
    )
    parser.add_argument("--active", required=True, help="the URL of the version that serves")
    parser.add_argument("--preview", required=True, help="the URL of the new version")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        folder = ModelFolder(settings.model_dir)
        rows, version = Examples.read(folder).rows, folder.read_signature().version
        headers = build_headers(settings)
        active, preview = ask_in_turn((options.active, options.preview), rows, headers)
        verdict = judge(active, preview, len(rows), version, settings)
    except (ValueError, OSError) as error:
        sys.stdout.write(f"refused: it cannot be verified: {error}\n")
        return 1
    for finding in verdict.findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"{'passed' if verdict.passed else f'refused: {verdict.why_not}'}\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
