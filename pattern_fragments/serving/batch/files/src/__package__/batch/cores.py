"""How much of the machine a run may use."""

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use: microseconds of all cores together, or max, in so many microseconds."""


def cores(quota: Path = QUOTA) -> int:
    """The cores that this process may use, at least 1; a limit of two and a half counts as 3."""
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        return max(1, min(there, -(-int(limit) // int(period))))
    except (OSError, ValueError):  # no container, or one without a limit
        return there
