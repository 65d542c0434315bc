"""Whether the broker does what it is asked, told apart by what it was asked."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .broker import BrokerError
from .figures import Figures

logger = logging.getLogger(__name__)


class Health:
    """Connected means that nothing fails: what works does not hide what does not.

    Each change is logged once, not each failure.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._failing: set[str] = set()
        self._insisting = Counter[str]()

    def good(self, act: str) -> None:
        """The broker did it."""
        self._failing.discard(act)
        if not self._failing and not self._figures.is_connected:
            logger.info("connected to the broker")
            self._figures.is_connected = True

    def bad(self, act: str, error: BrokerError) -> None:
        """The broker did not do it."""
        if act not in self._failing:
            logger.warning("the broker fails to %s: %s", act, error)
        self._failing.add(act)
        self._figures.is_connected = False

    @contextmanager
    def insisting(self, act: str) -> Iterator[Callable[[BrokerError], None]]:
        """Do it until it is done; good again when nobody is left to whom it fails."""
        has_failed = False

        def bad(error: BrokerError) -> None:
            nonlocal has_failed
            self._insisting[act] += not has_failed
            has_failed = True
            self.bad(act, error)

        yield bad
        self._insisting[act] -= has_failed
        if not self._insisting[act]:
            self.good(act)
