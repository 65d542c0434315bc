"""The signals that end a run: at once, or after what must not be torn."""

import signal

import pytest

from __package__.batch.ending import Ending, Told

pytestmark = pytest.mark.usefixtures("signals")


def test_a_signal_ends_the_run_at_once() -> None:
    Ending().listen()
    with pytest.raises(Told, match="SIGTERM") as told:
        signal.raise_signal(signal.SIGTERM)
    assert told.value.code == 128 + signal.SIGTERM


def test_what_is_being_recorded_is_finished_first() -> None:
    ending, done = Ending(), []
    ending.listen()

    def record() -> None:
        with ending.held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("recorded")

    with pytest.raises(Told, match="SIGINT"):
        record()
    assert done == ["recorded"]


def test_without_a_signal_nothing_ends() -> None:
    ending = Ending()
    ending.listen()
    with ending.held_back():
        pass
    with pytest.raises(Told):
        signal.raise_signal(signal.SIGTERM)


def test_a_failure_is_told_before_the_signal() -> None:
    ending = Ending()
    ending.listen()

    def fail() -> None:
        with ending.held_back():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        fail()
