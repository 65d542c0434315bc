"""The full proof: `make prove`. Stages that passed for this revision are not run again; docs/proof.md has the rest."""

import argparse
import fcntl
import sys

from . import page, stages
from .template import copy_template


def main() -> int:
    """Run the stages, print what each found, and write the page when all passed."""
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="run stages again that passed for this revision")
    parser.add_argument(
        "--only", choices=stages.STAGES, action="append", help="a stage to run; the page stays as it is"
    )
    options = parser.parse_args()
    stages.FOLDER.mkdir(parents=True, exist_ok=True)
    alone = (stages.FOLDER / "prove-lock").open("w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("Another full proof is running in this folder; wait for it, or end it.")
    copy_template(stages.TEMPLATE)
    key = stages.revision()
    done = []
    for number, name in enumerate(stages.STAGES, start=1):
        if options.only and name not in options.only:
            continue
        print(f"{number}/{len(stages.STAGES)} {name}", file=sys.stderr)
        stage, reused = stages.run(name, key, fresh=options.fresh)
        print("\n".join(f"  {fact}" for fact in stage.facts))
        print(f"  {'passed before, in' if reused else 'took'} {stage.seconds:.0f} s", file=sys.stderr)
        if stage.problems:
            print("\n\n".join(stage.problems), file=sys.stderr)
            return 1
        done.append(stage)
    if not options.only:
        page.write(done, key)
        print(f"Everything passed; {page.PATH.name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
