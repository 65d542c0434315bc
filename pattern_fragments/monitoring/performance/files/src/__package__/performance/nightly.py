"""The summary as a part of each run."""

import logging
from collections.abc import Callable

from ..object_store import ERRORS
from ..settings import Settings
from . import summary
from .run import state, summarise

logger = logging.getLogger(__name__)


def summarising(settings: Settings) -> Callable[[], None]:
    """What computes the summary when a run ends; what goes wrong is logged and fails no run."""

    def report() -> None:
        try:
            computed = summarise(settings)
            summary.write(computed, settings.performance_summary)
        except (*ERRORS, ValueError) as error:
            logger.warning("performance is not known: %s", error)
        else:
            logger.info("performance", extra={"state": state(computed)})

    return report
