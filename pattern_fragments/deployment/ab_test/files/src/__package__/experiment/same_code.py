"""Refuses a challenger whose release makes its features by other code than the control's.

The command is `python -m __package__.experiment.same_code FOLDER`.

The folder is the environment of the challenger's image. The control's code answers for both models:
other features under the same names would be wrong answers that nobody sees.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

PARTS = (
    "columns.py",
    "domain/features.py",
    "feature_definition.py",
    "feature_matrix.py",
    "feature_store/*.py",
)
"""What makes features of inputs and events."""


def main(arguments: Sequence[str]) -> int:
    """Compare; 1 when the two differ."""
    try:
        check(PACKAGE, package_in(Path(*arguments)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def package_in(environment: Path) -> Path:
    """Where the package lies; raises FileNotFoundError when it does not."""
    for found in environment.glob(f"lib/python*/site-packages/{PACKAGE.name}"):
        return found
    raise FileNotFoundError(f"{environment} holds no {PACKAGE.name}")


def check(control: Path, challenger: Path) -> None:
    """Raise ValueError when two packages make features by other code."""
    ours, theirs = dict(_code(control)), dict(_code(challenger))
    if others := sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)):
        raise ValueError(
            f"the challenger was released with other code of features ({', '.join(others)}):"
            " the control's code would answer for its model, and wrongly. Compare the two by a"
            " canary or a shadow"
        )


def _code(package: Path) -> Iterator[tuple[str, bytes]]:
    for part in PARTS:
        for path in package.glob(part):
            yield str(path.relative_to(package)), path.read_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
