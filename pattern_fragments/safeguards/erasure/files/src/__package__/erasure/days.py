"""How long what is logged may be kept: one bound for every log."""

from ..settings import Settings


def check_days(settings: Settings) -> None:
    """Raise ValueError when a log would keep what has to be deleted earlier."""
    kept, most = settings.prediction_log_keep_days, settings.retention_days
    if kept > most:
        raise ValueError(
            f"SERVICE_PREDICTION_LOG_KEEP_DAYS={kept} is more than SERVICE_RETENTION_DAYS={most}:"
            f" nothing that is logged may be kept longer, so lower it to {most}"
        )
