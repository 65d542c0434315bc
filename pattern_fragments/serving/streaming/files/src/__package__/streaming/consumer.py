"""The loop: fetch, score, publish, wait for the broker, acknowledge, tell.

An event is acknowledged after the broker has acknowledged its prediction or its dead letter, never
before: whatever ends this process, what it held is delivered again. A prediction that was already
out is then published twice, under the same key.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from ..observer import Refused
from ..service import Service
from .batch import Asked, EventScorer, Hopeless, Outcome
from .broker import Broker, BrokerError, Message
from .dead_letters import REPLAYED, dead_letter
from .figures import Figures

FETCH_WAIT_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Between tries to reach a broker that is away."""
WATCH_S = 2.0

logger = logging.getLogger(__name__)


class Consumer:
    """One member of the consumer group."""

    def __init__(self, service: Service, broker: Broker) -> None:
        self.figures = Figures()
        self._settings = service.settings
        self._observers = service.observers
        self._scorer = EventScorer(service)
        self._broker = broker
        self._deliveries: set[asyncio.Task[None]] = set()
        self._is_careful = True
        """Fetch one event at a time, since a crash may be the reason that this process is new."""

    async def run(self, stop: asyncio.Event) -> bool:
        """Consume until `stop` is set; whether all that was in flight could be finished."""
        loop = asyncio.create_task(self._loop(stop))
        watch = asyncio.create_task(self._watch())
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({loop, watch, told}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            await asyncio.wait({loop}, timeout=self._settings.drain_timeout_s)
            if loop.done():
                loop.result()
            return loop.done()
        finally:
            for task in (loop, watch, told, *self._deliveries):
                task.cancel()
            await asyncio.gather(loop, watch, told, *self._deliveries, return_exceptions=True)

    async def _loop(self, stop: asyncio.Event) -> None:
        pause_s = FIRST_PAUSE_S
        is_open = False
        while not stop.is_set():
            self.figures.alive()
            room = await self._room()
            try:
                if not is_open:
                    await self._broker.open()
                    is_open = True
                events = await self._broker.fetch(room, FETCH_WAIT_S)
            except BrokerError as error:
                is_open = False
                self._lost(error)
                await _pause(stop, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self._reached()
            await self._take(events)
        logger.info("draining", extra={"in_flight": self.figures.in_flight})
        try:
            await self._take(await self._broker.stop_fetching())
        except BrokerError as error:
            self._lost(error)
        await self._settled()

    async def _room(self) -> int:
        """How many events to ask for; waits while as many are in flight as may be."""
        while (room := self._settings.max_events_in_flight - self.figures.in_flight) <= 0:
            await self._settled(asyncio.FIRST_COMPLETED)
        return 1 if self._is_careful else min(room, self._settings.max_batch_events)

    async def _take(self, events: Sequence[Message]) -> None:
        """Score events; new ones together.

        Events that were delivered before are scored one by one, with nothing else in flight: should
        one of them end this process, no other one is blamed.
        """
        if not events:
            return
        self.figures.in_flight += len(events)
        again = [event for event in events if event.deliveries > 1]
        self._is_careful = bool(again)
        if new := [event for event in events if event.deliveries <= 1]:
            self._start(self._scorer.score(new))
        for event in again:
            await self._settled()
            self.figures.alive()
            if event.deliveries > self._settings.max_deliveries:
                self._start(_crashed(event))
            else:
                self._start(self._scorer.score([event]))
        if again:
            await self._settled()

    def _start(self, outcome: Outcome) -> None:
        """Deliver an outcome while the next events are fetched."""
        task = asyncio.create_task(self._deliver(outcome))
        self._deliveries.add(task)

    async def _settled(self, until: str = asyncio.ALL_COMPLETED) -> None:
        """Wait for deliveries; an error in one of them is a defect and ends the consumer."""
        if self._deliveries:
            done, self._deliveries = await asyncio.wait(self._deliveries, return_when=until)
            for task in done:
                task.result()

    async def _deliver(self, outcome: Outcome) -> None:
        """Publish, and only then acknowledge."""
        settings = self._settings
        last_try = settings.max_deliveries
        lost = [(event, error) for event, error in outcome.failed if event.deliveries >= last_try]
        again = [event for event, _ in outcome.failed if event.deliveries < last_try]
        outcome.hopeless += [
            Hopeless(event, "failed", f"{type(error).__name__}: {error}") for event, error in lost
        ]
        if outcome.predictions:
            await self._insist(
                lambda: self._broker.publish(settings.predictions_stream, outcome.predictions)
            )
        if outcome.hopeless:
            limit = self._broker.max_message_bytes
            letters = [dead_letter(*hopeless, limit) for hopeless in outcome.hopeless]
            await self._insist(lambda: self._broker.publish(settings.dead_letters_stream, letters))
        finished = [message for message, _ in outcome.answered]
        finished += [message for message, _, _ in outcome.hopeless]
        try:
            for event in again:
                delay_s = settings.retry_delay_s * 2 ** (event.deliveries - 1)
                # A longer one would look like a dead consumer to the others.
                await self._broker.retry(event, min(delay_s, settings.redeliver_after_s / 2))
            if finished:
                await self._broker.ack(finished)
        except BrokerError as error:
            # They are delivered again, and their keys are known.
            self._lost(error)
        self.figures.in_flight -= len(finished) + len(again)
        self.figures.retried += len(again)
        self._tell(outcome)

    async def _insist(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it until the broker has done it."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await act()
            except BrokerError as error:
                self._lost(error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _tell(self, outcome: Outcome) -> None:
        """Count, and tell the observers, once the broker has everything."""
        self.figures.consumed += len(outcome.answered)
        self.figures.dead_lettered += len(outcome.hopeless)
        self._count_ages(outcome.answered)
        for scored in outcome.scored:
            self._observers.scored(scored)
        for event, reason, detail in outcome.hopeless:
            # What was wrong with an event is its sender's fault, the rest is this service's.
            is_fault = reason in ("failed", "crashed")
            self._observers.refused(
                Refused(reason="internal_error" if is_fault else reason, duration_s=0.0)
            )
            logger.warning(
                "dead letter",
                extra={
                    "position": event.position,
                    "reason": reason,
                    "detail": detail,
                    "deliveries": event.deliveries,
                },
            )

    def _count_ages(self, answered: Sequence[Asked]) -> None:
        now = time.time()
        ages = [
            now - moment
            for message, event in answered
            if (moment := event.seconds()) is not None and REPLAYED not in message.headers
        ]
        if ages:
            self.figures.add_ages(min(ages), max(ages))
            self.figures.late += sum(age > self._settings.late_after_s for age in ages)

    async def _watch(self) -> None:
        """Ask now and then how much waits."""
        while True:
            if self.figures.is_connected:
                try:
                    self.figures.backlog = await self._broker.backlog()
                except BrokerError as error:
                    self._lost(error)
            await asyncio.sleep(WATCH_S)

    def _reached(self) -> None:
        if not self.figures.is_connected:
            logger.info("connected to the broker")
        self.figures.is_connected = True

    def _lost(self, error: BrokerError) -> None:
        if self.figures.is_connected:
            logger.warning("the broker fails: %s", error)
        self.figures.is_connected = False


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _crashed(event: Message) -> Outcome:
    """An event that was delivered too often without any consumer having judged it."""
    tries = event.deliveries - 1
    detail = f"was delivered {tries} times, and no consumer lived to answer"
    return Outcome(hopeless=[Hopeless(event, "crashed", detail)])
