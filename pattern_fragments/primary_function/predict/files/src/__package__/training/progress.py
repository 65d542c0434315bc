"""Tells a person at the terminal what training is doing and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints each step with its seconds, and remembers them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show `name` while the block runs, and its seconds when it ends."""
        sys.stdout.write(f"  {name:<32}")
        sys.stdout.flush()
        started = time.perf_counter()
        try:
            yield
        except BaseException:
            self.say(" failed")
            raise
        self.seconds[name] = round(time.perf_counter() - started, 2)
        self.say(f"{self.seconds[name]:7.2f} s")

    def say(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
