"""Writes what was predicted into the log."""

from ..deferred import Batch
from ..gauges import Gauge
from ..settings import Settings
from ..signature import Signature
from .rows import Rows, is_sampled
from .store import Store
from .writer import Writer


class PredictionLog:
    """A bulk observer that writes a sample of the predictions.

    Rows are held for `prediction_log_flush_s` at most, after they have waited up to
    `deferred.EVERY_S` to be observed: that much is lost with a process that is killed.
    """

    def __init__(self, signature: Signature, settings: Settings, gauges: list[Gauge]) -> None:
        self._rows = Rows(signature)
        self._share = settings.prediction_log_share
        store = Store(
            settings.prediction_log,
            settings.prediction_log_keep_days,
            settings.prediction_log_max_mb * 1_000_000,
            "SERVICE_PREDICTION_LOG",
        )
        where, flush_s = settings.prediction_log, settings.prediction_log_flush_s
        self.writer = writer = Writer("predictions", where, store, flush_s)
        gauges += (
            Gauge(
                "prediction_log_rows_total",
                "Rows that were written into the prediction log",
                lambda: writer.written,
                total=True,
            ),
            Gauge(
                "prediction_log_dropped_rows_total",
                "Rows that are lost because the prediction log could not be written",
                lambda: writer.dropped,
                total=True,
            ),
            Gauge(
                "prediction_log_newest_timestamp_seconds",
                "When the prediction log was last written, in seconds since 1970 UTC",
                lambda: writer.newest,
            ),
            Gauge(
                "prediction_log_overdue_seconds",
                "For so long rows should have been in the prediction log that are not; or 0",
                writer.overdue_s,
            ),
        )

    def observe(self, batch: Batch) -> None:
        """Take the sample of a batch."""
        if not len(batch):
            return
        rows = self._rows.of(
            batch.ids,
            batch.times,
            batch.versions,
            batch.predictions,
            batch.columns,
            batch.features,
        )
        if self._share < 1:
            rows = rows.filter([is_sampled(identity, self._share) for identity in batch.ids])
        self.writer.add(rows)

    def close(self) -> None:
        """Write what is held."""
        self.writer.close()
