"""What is fetched from Kafka when an error comes in the middle of a batch."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from __package__.settings import Settings
from __package__.streaming.broker import BrokerError, Streams
from __package__.streaming.kafka_broker import KafkaBroker
from __package__.streaming.kafka_progress import Progress


def record(offset: int, error: str | None = None) -> Any:
    """What the client gives, as far as it is read."""
    return SimpleNamespace(
        error=lambda: error and SimpleNamespace(str=lambda: error),
        partition=lambda: 0,
        offset=lambda: offset,
        headers=lambda: None,
        timestamp=lambda: (0, 0),
        key=lambda: None,
        value=lambda: b"",
    )


def test_events_before_an_error_are_returned_and_the_error_is_raised_by_the_next_call(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        broker = KafkaBroker("kafka://127.0.0.1:1", Streams.of(settings))
        progress = Progress.begin(0, "")
        broker._progress[0] = progress
        batches = [[record(0), record(1), record(-1, "not authorized"), record(2)]]
        monkeypatch.setattr(broker, "_poll", lambda *_: batches.pop())
        events = await broker.fetch(10, 0)
        assert [event.position for event in events] == ["0-0", "0-1"]
        with pytest.raises(BrokerError, match="not authorized"):
            await broker.fetch(10, 0)
        events += await broker.fetch(10, 0)
        assert [event.position for event in events] == ["0-0", "0-1", "0-2"]
        # Nothing was noted as handed out that was not: so the partition can be committed.
        assert progress.finish([0, 1, 2])
        assert progress.next == 3

    asyncio.run(scenario())
