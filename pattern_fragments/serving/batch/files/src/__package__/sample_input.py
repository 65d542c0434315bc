"""Write the sample days of the domain as input.

The command is `python -m __package__.sample_input`.
It prints the arguments that make the command `score` score them.
"""

import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from .batch import DATE
from .domain import sample
from .settings import read_settings


def main() -> int:
    """Run the command."""
    where = read_settings().input
    if DATE not in where or "*" in where:
        sys.stderr.write(f"SERVICE_INPUT={where} names no folder for each day: put {DATE} in it\n")
        return 1
    for day in sample.DAYS:
        start = datetime.combine(day, time(), UTC)
        folder = Path(where.replace(DATE, day.isoformat()))
        folder.mkdir(parents=True, exist_ok=True)
        rows = sample.rows(start, start + timedelta(days=1))
        rows.write_parquet(folder / "flights.parquet")
    sys.stdout.write(f"--from {min(sample.DAYS)} --to {max(sample.DAYS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
