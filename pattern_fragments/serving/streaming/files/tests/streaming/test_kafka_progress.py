"""Deliveries on Kafka: counted in the note at the committed offset."""

from __package__.streaming.kafka_progress import SPAN, Progress


def test_offsets_are_committed_up_to_the_first_that_is_not_finished() -> None:
    progress = Progress.begin(10, "")
    assert [progress.handed_out(offset) for offset in range(10, 15)] == [1] * 5
    assert not progress.finish([12, 11])
    assert progress.finish([10])
    assert progress.next == 13
    assert progress.finish([14, 13])
    assert progress.next == 15


def test_gaps_in_the_offsets_are_no_obstacle() -> None:
    progress = Progress.begin(10, "")
    progress.handed_out(12)
    progress.handed_out(19)
    assert progress.finish([12, 19])
    assert progress.next == 20


def test_after_a_crash_events_are_suspect_and_the_culprit_is_counted() -> None:
    crashed = Progress.begin(10, "")
    progress = Progress.begin(10, crashed.note())
    assert progress.handed_out(10) == 2
    assert progress.finish([10])
    assert progress.is_careful()
    assert progress.handed_out(11) == 2
    # It dies at 11, and so do two more consumers.
    for deliveries in (2, 3, 4):
        note = progress.note()
        progress = Progress.begin(11, note)
        assert progress.handed_out(11) == deliveries
    assert progress.finish([11])
    assert progress.handed_out(12) == 2
    assert not progress.is_suspect(10 + SPAN)


def test_a_consumer_that_leaves_in_order_casts_no_suspicion() -> None:
    leaving = Progress.begin(10, "")
    leaving.handed_out(10)
    progress = Progress.begin(10, leaving.farewell())
    assert progress.handed_out(10) == 1
    assert not progress.is_suspect(11)


def test_notes_of_others_are_no_obstacle() -> None:
    assert Progress.begin(10, "written by another tool").handed_out(10) == 1
