"""The figures of a run, for whoever watches the schedule."""

import logging
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import monotonic

from ..gauges import Gauge, is_hindered
from ..model_folder import ModelFolder
from ..observer import Observers, Refused
from ..service import Service
from ..settings import Settings
from ..wiring import build_observers, build_reports, build_service, prepare_features
from .part import PartResult
from .versions import newest_day

logger = logging.getLogger(__name__)


class Figures:
    """What one run did. It reports once, when the run has ended, well or not.

    A trial tells nobody of what it scores.
    """

    def __init__(self, settings: Settings, day: date, is_trial: bool = False) -> None:
        self.rows = 0
        self.quarantined = 0
        self.features: Path | None = None
        """Where those of the version lie that readers find."""
        self._settings = settings
        self._day = day
        self._started = monotonic()
        self._failed = False
        self._is_trial = is_trial
        self._observers: Observers | None = None
        self._gauges = [
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
        ]

    def watch(self, service: Service) -> None:
        """Report what the service that scores offers, too."""
        self._observers = service.observers
        self._gauges += service.gauges

    def tell(self, result: PartResult) -> None:
        """Tell the observers of a part: each row that got no prediction, and the predictions.

        Raises ValueError when one of them hinders the run.
        """
        if self._observers is None or self._is_trial:
            return
        for _ in range(result.record.quarantined):
            self._observers.refused(Refused(reason="invalid_input", duration_s=0.0))
        if result.scored is not None:
            self._observers.scored(result.scored)
        if is_hindered(self._gauges):
            raise ValueError(
                "what is scored cannot be recorded, as the log says: nothing of this part counts,"
                " and the next run goes on before it"
            )

    def end(self) -> None:
        """Let the observers finish."""
        if self._observers is not None:
            self._observers.close()

    def report(self, failed: bool) -> None:
        """Send the figures to wherever the settings say; what goes wrong is only logged."""
        self._failed = failed
        try:
            observers = self._observers or self._idle()
            for send in build_reports(self._settings, observers, self._gauges):
                send()
        except (OSError, ValueError) as error:
            logger.warning("the figures of the run were not reported: %s", error)
        except Exception:
            logger.warning("the figures of the run were not reported", exc_info=True)

    def _idle(self) -> Observers:
        """Observers that saw nothing, for a run that found nothing to do or failed before."""
        if self.features is not None and self.features.exists():
            try:
                settings = prepare_features(self._settings, self.features, midnight(self._day))
                service = build_service(settings)
            except (OSError, ValueError) as error:
                logger.warning("nothing is told of the features: %s", error)
            else:
                self._gauges += service.gauges
                return service.observers
        folder = ModelFolder(self._settings.model_dir)
        try:
            return build_observers(self._settings, folder.read_signature(), folder, self._gauges)
        except (OSError, ValueError):
            # Without a model the run has failed, and that is what there is to tell.
            return Observers([])

    def _published_day(self) -> float:
        """Read from the output, so that no run of another day can make it look fresher."""
        day = newest_day(self._settings.output, self._day)
        return midnight(day).timestamp() if day else 0.0


def midnight(day: date) -> datetime:
    """The moment that the features of a day are of."""
    return datetime.combine(day, time(), UTC)
