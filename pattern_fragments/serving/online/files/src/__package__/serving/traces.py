"""W3C Trace Context: which trace a request belongs to (https://www.w3.org/TR/trace-context/)."""

import random
import re

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = b"0" * 32
_NO_PARENT = b"0" * 16


def continue_trace(traceparent: bytes | None) -> tuple[str, bytes]:
    """The id of the request's trace, and the `traceparent` to answer with: a new span of the trace.

    A request without a valid header starts a trace, which is marked as not sampled.
    """
    span = random.getrandbits(64) | 1
    if traceparent is not None and (match := _TRACEPARENT.fullmatch(traceparent)):
        trace, parent, flags = match.group(1, 2, 3)
        version_00_ends_here = not (traceparent.startswith(b"00") and match.group(4))
        if trace != _NO_TRACE and parent != _NO_PARENT and version_00_ends_here:
            return trace.decode(), b"00-%b-%016x-%b" % (trace, span, flags)
    trace_id = f"{random.getrandbits(128) | 1:032x}"
    return trace_id, b"00-%b-%016x-00" % (trace_id.encode(), span)
