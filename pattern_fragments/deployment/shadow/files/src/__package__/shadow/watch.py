"""Compares the newest predictions again and again, beside a candidate that consumes."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from ..settings import Settings
from .figures import UNSEEN, ShadowFigures, look

logger = logging.getLogger(__name__)

EVERY_S = 300.0
WINDOW = timedelta(hours=1)
SETTLED = timedelta(minutes=5)
"""What is younger may be in one log and not in the other yet."""


class Watch:
    """A thread that compares what was predicted in the last hour."""

    def __init__(self, settings: Settings, figures: ShadowFigures) -> None:
        self._settings = settings
        self._figures = figures
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow-watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self, now: datetime) -> None:
        """Compare once; what goes wrong is logged, and shown as a figure."""
        until = now - SETTLED
        figures = self._figures
        try:
            figures.found = look(self._settings, until - WINDOW, until)
            figures.failed = False
        except FileNotFoundError:
            # Nothing was predicted, or the candidate has just begun.
            figures.found, figures.failed = UNSEEN, False
        except (OSError, ValueError) as error:
            figures.found, figures.failed = UNSEEN, True
            logger.warning("champion and candidate were not compared: %s", error)

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.look(datetime.now(UTC))
