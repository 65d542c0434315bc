"""The figures of a run, for whoever watches the schedule."""

import logging
import time
from pathlib import Path

from ..gauges import Gauge
from ..observer import Refused
from ..service import Service
from ..settings import Settings
from ..wiring import build_reports, build_service
from .part import PartResult

logger = logging.getLogger(__name__)


class Figures:
    """What one run did. It reports once, when the run has ended, well or not."""

    def __init__(self, settings: Settings) -> None:
        self.rows = 0
        self.quarantined = 0
        self._settings = settings
        self._service: Service | None = None
        self._started = time.monotonic()
        self._failed = False
        self._success = settings.output / ".versions" / "last-success"

    def watch(self, service: Service) -> None:
        """Let the service that scores report these figures too."""
        self._service = service
        service.gauges.extend(
            (
                Gauge("batch_rows", "Rows of the last run's input", lambda: self.rows),
                Gauge(
                    "batch_quarantined_rows",
                    "Rows that the last run could not score",
                    lambda: self.quarantined,
                ),
                Gauge(
                    "batch_duration_seconds",
                    "How long the last run took",
                    lambda: time.monotonic() - self._started,
                ),
                Gauge("batch_failed", "1 when the last run failed, else 0", lambda: self._failed),
                Gauge(
                    "batch_last_success_timestamp_seconds",
                    "When a run last ended well, in seconds since 1970 UTC; 0 when none has",
                    self._last_success,
                ),
            )
        )

    def tell(self, result: PartResult) -> None:
        """Tell the observers of a part: its predictions, and each row that got none."""
        if self._service is None:
            return
        observers = self._service.observers
        if result.scored is not None:
            observers.scored(result.scored)
        for _ in range(result.record.quarantined):
            observers.refused(Refused(reason="invalid_input", duration_s=0.0))

    def report(self, failed: bool) -> None:
        """Send the figures to wherever the settings say; what goes wrong is only logged."""
        self._failed = failed
        try:
            if not failed:
                _touch(self._success)
            if self._service is None:
                self.watch(build_service(self._settings))
            if self._service is not None:
                for send in build_reports(self._service):
                    send()
        except Exception:
            logger.warning("the figures of the run were not reported", exc_info=True)

    def _last_success(self) -> float:
        return self._success.stat().st_mtime if self._success.exists() else 0.0


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
