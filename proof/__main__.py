"""The full proof: `make prove`. Stages that passed for this revision are not run again; docs/proof.md has the rest."""

import argparse
import fcntl
import os
import sys
from pathlib import Path

from hooks.catalogue import read_catalogue
from hooks.check_patterns import find_all
from hooks.findings import report

from . import page, stages
from .template import copy_template


def main() -> int:
    """Run the stages, print what each found, and write the page anew after each that passed."""
    # What stages start (uv, ruff) stands beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="run stages again that passed for this revision")
    parser.add_argument("--only", choices=stages.STAGES, action="append", help="a stage to run")
    options = parser.parse_args()
    stages.FOLDER.mkdir(parents=True, exist_ok=True)
    alone = (stages.FOLDER / "prove-lock").open("w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("Another full proof is running in this folder; wait for it, or end it.")
    copy_template(stages.TEMPLATE)
    if found := find_all(read_catalogue(stages.TEMPLATE)):
        # A pattern whose manifest cannot be read would be missing from the space without a word.
        return report(found, stages.TEMPLATE)
    key = stages.revision()
    for number, name in enumerate(stages.STAGES, start=1):
        if options.only and name not in options.only:
            continue
        print(f"{number}/{len(stages.STAGES)} {name}", file=sys.stderr)
        stage, reused = stages.run(name, key, fresh=options.fresh)
        if stage.problems:
            print("\n\n".join(stage.problems), file=sys.stderr)
            return 1
        print("\n".join(f"  {fact}" for fact in stage.facts))
        print(f"  {'passed before, in' if reused else 'took'} {stage.seconds:.0f} s", file=sys.stderr)
        page.write(stages.passed(key), key)
    print("Everything passed." if not options.only else "Passed.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; `make prove` goes on from here.")
