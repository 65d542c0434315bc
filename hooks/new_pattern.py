"""Start the folder of a new pattern: `python -m hooks.new_pattern <decision> <value> --name "..."`.

What only a person can know is a blank, `<<blank: what to write>>`, which the check reports by file
and line until it is filled in.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from .catalogue import FRAGMENTS, Catalogue, NoCatalogueError, read_catalogue
from .check_patterns import find_root
from .findings import did_you_mean
from .manifest import SLUG

TEMPLATE = Path(__file__).parent / "pattern_template"
LONGEST_NAME = 60


class RefusedError(Exception):
    """The request cannot be met; the message is a sentence."""


def new_pattern(root: Path, decision: str, value: str, name: str, area: str | None = None) -> Path:
    """Write the folder and return it; raises RefusedError, with nothing written."""
    catalogue = read_catalogue(root)
    folder = root / FRAGMENTS / decision / value
    if decision not in catalogue.order:
        raise RefusedError(
            f"{decision!r} is no decision; {did_you_mean(decision, catalogue.order)}"
            " (a new decision is added to copier.yml first)"
        )
    if not re.fullmatch(SLUG, value) or len(value) > 40:
        raise RefusedError(
            f"{value!r} is no value; use at most 40 lower-case letters and digits, words joined by"
            " underscores, such as blue_green"
        )
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or re.search(r"[\n<>{}`]", name):
        raise RefusedError(
            f"{name!r} is no name; write 1 to {LONGEST_NAME} characters without < > {{ }} or `, such as Canary release"
        )
    if folder.exists():
        raise RefusedError(f"{folder.relative_to(root)} exists; choose another value")
    fields = {
        "id": _next_id(catalogue, decision, area),
        "decision": decision,
        "value": value,
        "name": name,
        "quoted_name": json.dumps(name, ensure_ascii=False),
    }
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        target = folder / source.relative_to(TEMPLATE)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8")).substitute(fields)
        target.write_text(text, encoding="utf-8")
    return folder


def _next_id(catalogue: Catalogue, decision: str, area: str | None) -> str:
    """One past the highest number of the area, so that a gap is never filled again."""
    numbers: dict[str, list[int]] = {}
    owners: dict[str, str] = {}
    for _, manifest in catalogue.patterns:
        _, used, number = manifest.id.split("-")
        numbers.setdefault(used, []).append(int(number))
        owners.setdefault(used, manifest.decision)
    derived = next((used for used, owner in owners.items() if owner == decision), None)
    area = area or derived or decision.replace("_", "")[:4].upper()
    if not re.fullmatch(r"[A-Z]{2,8}", area):
        raise RefusedError(f"{area!r} is no area; give 2 to 8 capital letters, such as --area DEP")
    if owners.get(area, decision) != decision:
        raise RefusedError(f"the area {area} belongs to the decision {owners[area]}; give another by --area")
    return f"ML-{area}-{max(numbers.get(area, [0])) + 1:03d}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry point."""
    parser = argparse.ArgumentParser(prog="new-pattern", description=__doc__)
    parser.add_argument("decision", help="a decision of copier.yml")
    parser.add_argument("value", help="the name of the folder, such as blue_green")
    parser.add_argument("--name", required=True, help="the name of the field: Blue/green release")
    parser.add_argument("--area", help="the middle of the id, such as DEP; derived by default")
    options = parser.parse_args(arguments)
    root = find_root(Path.cwd())
    try:
        folder = new_pattern(root, options.decision, options.value, options.name, options.area)
    except (RefusedError, NoCatalogueError) as refused:
        print(refused, file=sys.stderr)
        return 2
    print(f"{folder.relative_to(root)} is started: fill in what `make check` names, add files/ and slots/.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
