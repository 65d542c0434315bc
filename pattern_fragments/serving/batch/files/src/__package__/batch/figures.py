"""The figures of a run, for whoever watches the schedule."""

import logging
from datetime import UTC, date, datetime, time
from time import monotonic

from ..gauges import Gauge
from ..observer import Refused
from ..service import Service
from ..settings import Settings
from ..wiring import build_reports, build_service
from .part import PartResult
from .versions import newest_day

logger = logging.getLogger(__name__)


class Figures:
    """What one run did. It reports once, when the run has ended, well or not."""

    def __init__(self, settings: Settings, day: date) -> None:
        self.rows = 0
        self.quarantined = 0
        self._settings = settings
        self._day = day
        self._service: Service | None = None
        self._started = monotonic()
        self._failed = False

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
                    lambda: monotonic() - self._started,
                ),
                Gauge("batch_failed", "1 when the last run failed, else 0", lambda: self._failed),
                Gauge(
                    "batch_published_day_timestamp_seconds",
                    "Start of the newest day that is published, in seconds since 1970 UTC;"
                    " 0 when none is",
                    self._published_day,
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
            for send in build_reports(self._service or self._idle()):
                send()
        except (OSError, ValueError) as error:
            logger.warning("the figures of the run were not reported: %s", error)
        except Exception:
            logger.warning("the figures of the run were not reported", exc_info=True)

    def _idle(self) -> Service:
        """A service that scored nothing, for a run that found nothing to do or failed before."""
        service = build_service(self._settings)
        # Its parts would tell of the features that the model was trained with.
        service.gauges.clear()
        self.watch(service)
        return service

    def _published_day(self) -> float:
        """Read from the output, so that no run of another day can make it look fresher."""
        day = newest_day(self._settings.output, self._day)
        return datetime.combine(day, time(), UTC).timestamp() if day else 0.0
