"""The signals that end a run, held back while they would tear what is being recorded."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Told(BaseException):
    """A signal that ends the run."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


class Ending:
    """What SIGINT and SIGTERM do: raise Told, at once or as soon as they are held back no more."""

    def __init__(self) -> None:
        self._is_held = False
        self._number = 0

    def listen(self) -> None:
        """Take the two signals; they come to the main thread, which is to call this."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if not self._is_held:
            raise Told(number)
        self._number = number

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Finish what is inside first: a library that is cut off in a write tells of other errors.

        Raises Told afterwards, if a signal came.
        """
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._number:
            raise Told(self._number)


ending = Ending()
