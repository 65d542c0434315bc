"""Erase what was logged about single predictions.

The command is `python -m __package__.erase`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from .erasure.files import ChangedError
from .erasure.place import Place
from .erasure.receipts import Receipts, hashed
from .settings import read_settings
from .wiring import build_places

FAILED = 2
ROUNDS = 5
"""Whoever writes beside may bring a row again; after so many times that is nobody's race."""
SHOWN = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when nothing of these predictions is left here, 1 for an unknown id."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.erase",
        description="Erase the rows of predictions and of their outcomes, by their ids.",
    )
    parser.add_argument(
        "--prediction-id", action="append", default=[], metavar="ID", help="may be given again"
    )
    parser.add_argument("--ids-file", type=Path, help="a file with an id on each line")
    options = parser.parse_args(arguments)
    try:
        lines = options.ids_file.read_text().splitlines() if options.ids_file else []
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"{options.ids_file} cannot be read, so nothing was erased: {error}")
    ids = {line.strip() for line in (*options.prediction_id, *lines)} - {""}
    if not ids:
        parser.error("no id is given: --prediction-id ID, or --ids-file FILE, an id on each line")
    try:
        settings = read_settings()
        receipts = Receipts(settings.prediction_log, "SERVICE_PREDICTION_LOG")
        with receipts.alone():
            places = build_places(settings)
            rows, unknown = erase(ids, places, receipts)
    except BlockingIOError:
        sys.stderr.write("nothing was erased: another erasure is under way; wait for its end\n")
        return FAILED
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the erasure is not complete, call for it again: {error}\n")
        return FAILED
    for setting, count in rows.items():
        sys.stdout.write(f"{setting}: {count:,} rows erased\n")
    gone = len(ids) - len(unknown)
    here = " and ".join(place.setting for place in places if place.is_here()) or "no place"
    sys.stdout.write(f"{gone:,} of {len(ids):,} predictions: nothing is left in {here}\n")
    if unknown:
        shown = ", ".join(sorted(unknown)[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
        sys.stderr.write(
            f"{len(unknown):,} ids are in no log and were never erased ({shown}): are they ids of"
            " predictions of this service, older than a few minutes and within the time that they"
            " are kept?\n"
        )
    for place in places:
        if not place.is_here():
            sys.stderr.write(
                f"{place.setting} names nothing that is here: if it lies elsewhere, erase there,"
                " too\n"
            )
    return 1 if unknown else 0


def erase(
    ids: Set[str], places: Sequence[Place], receipts: Receipts
) -> tuple[Counter[str], Set[str]]:
    """Remove the rows of predictions everywhere, and leave a receipt.

    How many rows went, by the setting of their place, and which ids are unknown. Raises OSError and
    ValueError; the same call goes on where it stopped.
    """
    found = {one for place in places for some in place.holding(ids).values() for one in some}
    before = receipts.erased()
    unknown = {one for one in ids - found if hashed(one) not in before}
    rows: Counter[str] = Counter()
    if not found:
        # Of an erasure that was killed after its last row the receipt is all that was missing.
        if gone := [one for one in ids if hashed(one) in receipts.unended()]:
            receipts.append("ended", sorted(gone))
        return rows, unknown
    receipts.append("began", sorted(found))
    for _ in range(ROUNDS):
        held = [(place, file) for place in places for file in place.holding(found)]
        if not held:
            receipts.append("ended", sorted(found), rows)
            return rows, unknown
        for place, file in held:
            try:
                rows[place.setting] += place.remove(file, found)
            except ChangedError:
                continue  # the next round sees what it has become
    raise OSError("rows come again as often as they are removed: who writes them?")


if __name__ == "__main__":
    sys.exit(main())
