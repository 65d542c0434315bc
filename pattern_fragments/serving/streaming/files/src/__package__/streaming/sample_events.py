"""Rows of the domain's sample as events, to try the service with."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from typing import Any

import msgspec

from ..domain.sample import DAYS, rows
from .broker import Broker, Outgoing, Streams
from .events import CONTENT_TYPE

SOURCE = "sample"
TICK_S = 0.05
MOST_AT_ONCE = 500


def sample_events() -> Iterator[Outgoing]:
    """The rows of the sample's days as events, without an end.

    Each round, and each start, has ids of its own: a broker would remove what it has seen.
    """
    start = datetime.combine(min(DAYS), clock(), UTC)
    end = datetime.combine(max(DAYS), clock(), UTC) + timedelta(days=1)
    asked = list(rows(start, end).iter_rows(named=True))
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for number in itertools.count(1):
        for row in asked:
            yield sample_event(f"{row['key']}-{run}-{number}", row)


def sample_event(name: str, row: dict[str, Any]) -> Outgoing:
    """One row as an event that happens now."""
    event = {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": "asked",
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "data": {column: value for column, value in row.items() if column != "key"},
    }
    return Outgoing(name, msgspec.json.encode(event), {"content-type": CONTENT_TYPE})


async def feed(broker: Broker, streams: Streams, per_second: float, most: float) -> int:
    """Publish sample events at a rate until there are `most` of them; how many there were."""
    events = sample_events()
    started = time.monotonic()
    published = 0
    while published < most:
        due = int((time.monotonic() - started) * per_second) + 1 - published
        batch = list(itertools.islice(events, int(min(due, most - published, MOST_AT_ONCE))))
        if batch:
            await broker.publish(streams.events, batch)
        else:
            await asyncio.sleep(TICK_S)
        published += len(batch)
    return published
