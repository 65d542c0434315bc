"""The loop: fetch, score, publish, wait for the broker, acknowledge, tell.

An event is acknowledged after the broker has acknowledged its prediction or its dead letter, never
before: whatever ends this process, what it held is delivered again. A prediction that was already
out is then published twice, under the same key.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..observer import Refused
from ..service import Service
from .ages import age_s, has_wrong_time
from .batch import Asked, EventScorer, Hopeless, Outcome
from .broker import Broker, BrokerError, Message, Outgoing
from .dead_letters import dead_letter
from .figures import Figures
from .health import Health

FETCH_WAIT_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Between tries to reach a broker that is away."""
WATCH_S = 2.0
CANCEL_AGAIN_S = 0.1

logger = logging.getLogger(__name__)


class Consumer:
    """One member of the consumer group."""

    def __init__(self, service: Service, broker: Broker) -> None:
        self.figures = Figures(lambda: len(self._in_hand) + broker.held)
        self._settings = service.settings
        self._observers = service.observers
        self._scorer = EventScorer(service)
        self._broker = broker
        self._is_open = False
        self._in_hand: set[Message] = set()
        """Fetched, and neither finished nor handed back to the broker."""
        self._deliveries: set[asyncio.Task[None]] = set()
        self._defect: asyncio.Future[None] = asyncio.Future()
        """Ends the consumer: the error of a delivery."""
        self._health = Health(self.figures)
        self._is_careful = True
        """Fetch one event at a time, since a crash may be the reason that this process is new."""

    async def run(self, stop: asyncio.Event) -> bool:
        """Consume until `stop` is set; whether all that was in flight could be finished.

        An error that is not the broker's is a defect: it ends the consumer and is raised.
        """
        loop = asyncio.create_task(self._loop(stop))
        watch = asyncio.create_task(self._watch())
        told = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {loop, watch, self._defect}
        try:
            await asyncio.wait({*ends, told}, return_when=asyncio.FIRST_COMPLETED)
            patience_s = self._settings.drain_timeout_s
            done, _ = await asyncio.wait(
                ends, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            for end in done:
                end.result()
        finally:
            await _end([loop, watch, told, *self._deliveries])
        if not done:
            await self._give_back()
        return bool(done)

    async def _loop(self, stop: asyncio.Event) -> None:
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            self.figures.alive()
            if self._room() <= 0:
                await self._progress(asyncio.FIRST_COMPLETED)
            room = self._room()
            # Without room only tries that are due again are fetched, and the next ones may come.
            wait_s = FETCH_WAIT_S if room or not self._deliveries else 0
            try:
                if not self._is_open:
                    await self._broker.open()
                    self._is_open = True
                events = await self._broker.fetch(room, wait_s)
            except BrokerError as error:
                self._is_open = False
                self._health.bad("fetch", error)
                await _pause(stop, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self._health.good("fetch")
            await self._take(events)
        logger.info("draining", extra={"in_flight": self.figures.in_flight})
        try:
            await self._take(await self._broker.stop_fetching())
        except BrokerError as error:
            self._health.bad("fetch", error)
        await self._settled()

    def _room(self) -> int:
        """How many events to ask for."""
        room = max(0, self._settings.max_events_in_flight - self.figures.in_flight)
        return min(room, 1 if self._is_careful else self._settings.max_batch_events)

    async def _take(self, events: Sequence[Message]) -> None:
        """Score events; new ones together.

        Events that were delivered before are scored one by one, with nothing else in flight: should
        one of them end this process, no other one is blamed.
        """
        if not events:
            return
        self._in_hand.update(events)
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
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._deliveries.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not self._defect.done():
            self._defect.set_exception(error)

    async def _settled(self) -> None:
        """Wait until nothing is being delivered."""
        while self._deliveries:
            await self._progress(asyncio.ALL_COMPLETED)
            try:
                await self._broker.stay()
            except BrokerError as error:
                self._health.bad("fetch", error)

    async def _progress(self, until: str) -> None:
        """Wait for deliveries, but not for long: whoever waits is alive, and goes round."""
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=FETCH_WAIT_S, return_when=until)
        self.figures.alive()

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
            await self._publish(settings.predictions_stream, outcome.predictions)
        if outcome.hopeless:
            limit = self._broker.max_message_bytes
            letters = [dead_letter(*hopeless, limit) for hopeless in outcome.hopeless]
            await self._publish(settings.dead_letters_stream, letters)
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
            logger.warning("the broker fails to acknowledge: %s", error)
        self._in_hand.difference_update(finished, again)
        self.figures.retried += len(again)
        self._tell(outcome)

    async def _publish(self, stream: str, messages: Sequence[Outgoing]) -> None:
        """Publish until the broker has the messages."""
        pause_s = FIRST_PAUSE_S
        with self._health.insisting("publish") as bad:
            while True:
                try:
                    return await self._broker.publish(stream, messages)
                except BrokerError as error:
                    bad(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _give_back(self) -> None:
        """Time is over: what is in hand goes to another consumer, and is no reason to suspect it.

        Otherwise every orderly end while predictions cannot be published would count as a crash.
        """
        try:
            await self._broker.give_back(list(self._in_hand))
        except BrokerError as error:
            logger.warning("the broker fails to take events back: %s", error)

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
        ages = [age for one in answered if (age := age_s(one, now)) is not None]
        if ages:
            self.figures.add_ages(min(ages), max(ages))
            self.figures.late += sum(age > self._settings.late_after_s for age in ages)
        self.figures.without_time += sum(event.time is None for _, event in answered)
        self.figures.wrong_time += sum(has_wrong_time(one, now) for one in answered)

    async def _watch(self) -> None:
        """Ask now and then how much waits; nobody knows while the broker is away."""
        while True:
            try:
                self.figures.backlog = await self._broker.backlog() if self._is_open else None
                if self._is_open:
                    self._health.good("count")
            except BrokerError as error:
                self.figures.backlog = None
                self._health.bad("count", error)
            await asyncio.sleep(WATCH_S)


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait for their end. Once is not enough: a broker's client may lose one."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _crashed(event: Message) -> Outcome:
    """An event that was delivered too often without any consumer having judged it."""
    tries = event.deliveries - 1
    detail = f"was delivered {tries} times, and no consumer lived to judge it"
    return Outcome(hopeless=[Hopeless(event, "crashed", detail)])
