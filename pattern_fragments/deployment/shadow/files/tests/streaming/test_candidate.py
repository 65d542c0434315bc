"""Whatever a candidate does with events, the champion and its readers hear nothing of it."""

import asyncio
from collections.abc import Callable

import pytest

from __package__.shadow.consume import shadow_settings
from __package__.shadow.silent import SilentBroker
from __package__.streaming.broker import (
    Broker,
    Message,
    Outgoing,
    open_broker,
)

from .conftest import PATIENCE_S, Stage

Events = Callable[..., list[Outgoing]]


async def fetched(broker: Broker, count: int) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            found += await broker.fetch(count - len(found), 0.1)
    return found


@pytest.mark.parametrize("stage", ["redis", "nats", "kafka"], indirect=True)
def test_nothing_that_a_candidate_does_reaches_anybody(stage: Stage, make_events: Events) -> None:
    settings = shadow_settings(stage.settings)

    async def scenario() -> None:
        await stage.publish(make_events(6))
        candidate = SilentBroker(open_broker(settings))
        async with stage.connected() as champion:
            await candidate.open()
            await champion.ack(await fetched(champion, 6))
            first, second, *others = await fetched(candidate, 5)
            await candidate.publish(stage.streams.predictions, make_events(1))
            await candidate.publish(stage.streams.dead_letters, make_events(1))
            await candidate.ack([first])
            await candidate.retry(second, 0.05)
            rest = await candidate.stop_fetching()
            await candidate.give_back([*others, *rest])
            await candidate.close()
            assert not await champion.fetch(10, 1.0)
        assert not await stage.predictions()
        assert not await stage.letters()

    asyncio.run(scenario())
