"""Windows are whole days, weeks and months in UTC, without a gap."""

from datetime import UTC, datetime

import pytest

from __package__.performance.windows import KINDS, calendar

SINCE, UNTIL = datetime(2013, 11, 30, 5, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "first", "last", "number"),
    [
        ("day", datetime(2013, 11, 30, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC), 32),
        ("week", datetime(2013, 11, 25, tzinfo=UTC), datetime(2014, 1, 6, tzinfo=UTC), 6),
        ("month", datetime(2013, 11, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC), 2),
    ],
)
def test_windows_cover_what_was_asked_for(
    kind: str, first: datetime, last: datetime, number: int
) -> None:
    windows = calendar(kind, SINCE, UNTIL)
    assert (windows[0].start, windows[-1].end, len(windows)) == (first, last, number)


@pytest.mark.parametrize("kind", KINDS)
def test_each_window_begins_where_the_one_before_ends(kind: str) -> None:
    windows = calendar(kind, SINCE, UNTIL)
    assert [each.end for each in windows[:-1]] == [each.start for each in windows[1:]]
