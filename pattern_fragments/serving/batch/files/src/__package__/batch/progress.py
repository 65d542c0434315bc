"""How far a run is: a line that renews itself on a terminal, a log entry now and then elsewhere."""

import logging
import sys
import time
from typing import TextIO

logger = logging.getLogger(__name__)

ON_A_TERMINAL_S, IN_A_LOG_S = 0.2, 10.0
"""Seconds between two reports."""


class Progress:
    """Counts rows; `done` of `total` were finished before this process began."""

    def __init__(self, total: int, done: int, stream: TextIO = sys.stderr) -> None:
        self._total = total
        self._done = self._before = done
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._started = self._told = time.monotonic()

    def advance(self, rows: int) -> None:
        """So many rows more are done."""
        self._done += rows
        now = time.monotonic()
        if now - self._told >= (ON_A_TERMINAL_S if self._is_terminal else IN_A_LOG_S):
            self._told = now
            self._tell(now - self._started)

    def end(self) -> None:
        """Leave the terminal's line."""
        if self._is_terminal:
            self._tell(time.monotonic() - self._started)
            self._stream.write("\n")

    def _tell(self, seconds: float) -> None:
        rate = (self._done - self._before) / max(seconds, 1e-9)
        left = (self._total - self._done) / rate if rate else 0.0
        if self._is_terminal:
            self._stream.write(
                f"\r{self._done:,} of {self._total:,} rows, {rate:,.0f} rows/s,"
                f" {left:,.0f} s left \x1b[K"
            )
            self._stream.flush()
        else:
            logger.info(
                "scoring",
                extra={
                    "rows": self._done,
                    "of": self._total,
                    "rows_per_s": round(rate),
                    "seconds_left": round(left),
                },
            )
