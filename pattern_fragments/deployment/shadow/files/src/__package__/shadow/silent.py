"""A broker for a consumer that may read and never say anything."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from ..gauges import Gauge
from ..streaming.broker import Backlog, Broker, BrokerError, Message, Outgoing

LATE_S = 600.0
"""An event that came so long ago is not scored: the features of now know what happened since."""


class SilentBroker:
    """Another broker, but what is published to it, predictions and dead letters, goes nowhere.

    It acknowledges for the group that the other broker was opened for, and for no other one. Events
    that are late are acknowledged and not handed out, so whoever starts, or was away, is at the
    newest events at once.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._skipped = 0

    def gauges(self) -> list[Gauge]:
        """What it has skipped."""
        return [
            Gauge(
                "shadow_skipped_events_total",
                "Events that the candidate did not score because they came too long ago",
                lambda: self._skipped,
                total=True,
            )
        ]

    @property
    def max_message_bytes(self) -> int:
        """How large a message may be."""
        return self._broker.max_message_bytes

    @property
    def held(self) -> int:
        """Events that wait in this process for another try."""
        return self._broker.held

    async def open(self, *, make: bool = True) -> None:
        """Connect."""
        await self._broker.open(make=make)

    async def fetch(self, most: int, wait_s: float) -> list[Message]:
        """Up to `most` events that are not late."""
        return await self._on_time(await self._broker.fetch(most, wait_s))

    async def _on_time(self, events: list[Message]) -> list[Message]:
        oldest = time.time() - LATE_S
        late: list[Message] = []
        on_time: list[Message] = []
        for event in events:
            is_late = event.arrived is not None and event.arrived < oldest
            (late if is_late else on_time).append(event)
        if late:
            with suppress(BrokerError):  # they come again, and are as late
                await self._broker.ack(late)
                self._skipped += len(late)
        return on_time

    async def stay(self) -> None:
        """Fetch nothing, and remain a member of the group."""
        await self._broker.stay()

    async def stop_fetching(self) -> list[Message]:
        """Ask for no more; the events that have arrived without having been fetched."""
        return await self._on_time(await self._broker.stop_fetching())

    async def publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Publish nothing."""

    async def ack(self, events: Sequence[Message]) -> None:
        """These events need not be delivered to this group again."""
        await self._broker.ack(events)

    async def retry(self, event: Message, delay_s: float) -> None:
        """Deliver this event to this group again."""
        await self._broker.retry(event, delay_s)

    async def give_back(self, events: Sequence[Message]) -> None:
        """Leave these events: the broker delivers them again, to this group.

        To give them back some brokers publish them anew, and the champion would get them twice.
        """

    async def backlog(self) -> Backlog:
        """What waits for this group."""
        return await self._broker.backlog()

    def dead_letters(self) -> AsyncIterator[Message]:
        """The dead letters that are there now: the champion's."""
        return self._broker.dead_letters()

    async def settle(self, letter: Message, *, keep: bool) -> None:
        """Leave dead letters as they are: they are the champion's."""

    async def close(self) -> None:
        """Leave the group and disconnect."""
        await self._broker.close()
