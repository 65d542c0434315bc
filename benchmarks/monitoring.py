# /// script
# requires-python = ">=3.11"
# ///
"""What each kind of monitoring costs on the way of a prediction: services that differ in nothing else, in one run.

    python benchmarks/monitoring.py FOLDER      with a trained service for each kind: `make benchmark-monitoring`

The folder below FOLDER named `none` watches nothing; what the others are called is what they watch. Each server has one
core, which its own bookkeeping shares; the load generator has another. Servers take turns in rounds of several seconds,
so that what observes in bulk, every five seconds, has its turn in each. The table shows medians, ratios taken within a
round.
"""

import argparse
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

from serving import CALLER_CORE, Target, generated, measure, resident_mb, running

NONE = "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the services, each trained")
    parser.add_argument("--seconds", type=float, default=11.0, help="length of a round: two turns of bookkeeping")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each server")
    options = parser.parse_args()
    folders = sorted(path.parent.parent for path in options.folder.glob("*/model/signature.json"))
    if NONE not in [folder.name for folder in folders]:
        sys.exit(f"{options.folder} holds no trained service named {NONE}: run `make benchmark-monitoring`")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for the server, one for the callers")
    targets = [target(folder) for folder in folders]
    with ExitStack() as stack:
        for one in targets:
            stack.enter_context(running(one))
        os.sched_setaffinity(0, {CALLER_CORE})
        measure(targets, options.rounds, options.seconds)
        print(table(targets))


def target(folder: Path) -> Target:
    """A service that writes what it logs into its own folder."""
    found = generated(folder)
    found.name = folder.name
    found.environment["SERVICE_PREDICTION_LOG"] = str(folder.absolute() / "data" / "predictions")
    return found


def table(targets: list[Target]) -> str:
    """The medians as a table in Markdown."""
    [none] = [one for one in targets if one.name == NONE]
    lines = [
        "| watched | callers | requests/s | share of none | CPU µs/request | p99 ms | start s | MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for callers, base in none.rounds.items():
        for one in sorted(targets, key=lambda one: one is not none):
            rounds = one.rounds[callers]
            shares = [own.requests_per_s / bare.requests_per_s for own, bare in zip(rounds, base, strict=True)]
            latencies = sorted(latency for own in rounds for latency in own.latencies_ms)
            cells = [
                one.name,
                str(callers),
                f"{statistics.median(own.requests_per_s for own in rounds):,.0f}",
                f"{100 * statistics.median(shares):.0f} % ({100 * min(shares):.0f} to {100 * max(shares):.0f} %)",
                f"{statistics.median(own.cpu_us for own in rounds):,.0f}",
                f"{latencies[len(latencies) * 99 // 100]:.2f}",
                f"{one.start_s:.1f}",
                f"{resident_mb(one.pid):.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
