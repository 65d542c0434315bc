"""W3C Trace Context: continued when valid, begun when not."""

import pytest

from __package__.serving.traces import continue_trace

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = b"00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header",
    [b"00-%b-%b-01" % (TRACE, PARENT), b"cc-%b-%b-01-what-later-versions-say" % (TRACE, PARENT)],
)
def test_a_valid_header_is_continued(header: bytes) -> None:
    trace_id, traceparent = continue_trace(header)
    assert trace_id == TRACE.decode()
    assert traceparent.startswith(b"00-%b-" % TRACE)
    assert traceparent.endswith(b"-01")
    assert PARENT not in traceparent


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"00-%b-%b" % (TRACE, PARENT),
        b"00-%b-%b-01-more" % (TRACE, PARENT),
        b"ff-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-01" % (b"0" * 32, PARENT),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE.upper(), PARENT),
    ],
)
def test_anything_else_begins_a_trace(header: bytes | None) -> None:
    trace_id, traceparent = continue_trace(header)
    assert trace_id != TRACE.decode()
    assert traceparent.split(b"-")[1] == trace_id.encode()
    assert len(traceparent) == 55
