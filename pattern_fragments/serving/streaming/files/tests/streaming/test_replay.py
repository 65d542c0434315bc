"""The command that gives dead letters back: what it cannot give back, and what it does not make."""

import asyncio
from collections.abc import Callable

import pytest

from __package__ import replay as command
from __package__.replay import replay, replay_from
from __package__.settings import Settings
from __package__.streaming import redis_broker
from __package__.streaming.broker import (
    Message,
    Outgoing,
    StreamMissing,
)
from __package__.streaming.dead_letters import dead_letter

from .conftest import Stage

pytestmark = pytest.mark.slow

Events = Callable[..., list[Outgoing]]


def letters(events: list[Outgoing]) -> list[Outgoing]:
    """Dead letters of these events, and between them one that was too large to be kept whole."""
    whole = [
        dead_letter(Message(event.key, event.body, {}), "failed", "no", 10**6) for event in events
    ]
    cut = dead_letter(Message("cut", b"x" * 5000, {}), "malformed", "too large", 4096)
    return [whole[0], cut, *whole[1:]]


@pytest.mark.parametrize("stage", ["memory", "redis", "nats", "kafka"], indirect=True)
def test_a_letter_that_was_cut_is_listed_stays_and_goes_when_asked_for(
    stage: Stage, make_events: Events
) -> None:
    async def scenario() -> None:
        lines: list[str] = []
        async with stage.connected() as broker:
            await broker.publish(stage.streams.dead_letters, letters(make_events(3)))
            listed = await replay_from(broker, stage.streams, is_dry=True, show=lines.append)
            assert listed == (3, 1)
            assert len(lines) == 4
            [marked] = [line for line in lines if "cannot be replayed" in line]
            assert marked.endswith("too large  (cut from 5000 bytes, cannot be replayed)")
            assert await replay_from(broker, stage.streams) == (3, 1)
            assert (await broker.backlog()).dead_letters == 1
            lines.clear()
            left = await replay_from(
                broker, stage.streams, is_dry=True, remove_cut=True, show=lines.append
            )
            assert (left, len(lines)) == ((1, 1), 1)
            assert await replay_from(broker, stage.streams, "failed", remove_cut=True) == (0, 0)
            assert await replay_from(broker, stage.streams, remove_cut=True) == (1, 1)
            assert (await broker.backlog()).dead_letters == 0
            assert (await broker.backlog()).events == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["memory", "redis", "nats", "kafka"], indirect=True)
def test_removing_what_was_cut_leaves_the_others(stage: Stage, make_events: Events) -> None:
    async def scenario() -> None:
        async with stage.connected() as broker:
            await broker.publish(stage.streams.dead_letters, letters(make_events(3)))
            assert await replay_from(broker, stage.streams, remove_cut=True) == (1, 1)
            backlog = await broker.backlog()
            assert (backlog.events, backlog.dead_letters) == (0, 3)
            assert await replay_from(broker, stage.streams) == (3, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["redis", "nats", "kafka"], indirect=True)
@pytest.mark.parametrize("setting", ["dead_letters_stream", "events_stream"])
def test_a_stream_that_is_missing_is_named_and_not_made(
    stage: Stage, setting: str, make_events: Events
) -> None:
    mistyped = f"{getattr(stage.settings, setting)}-mistyped"
    others = stage.settings.model_copy(update={setting: mistyped})

    async def scenario() -> None:
        async with stage.connected() as broker:
            await broker.publish(stage.streams.dead_letters, letters(make_events(1)))
        for _ in range(2):
            with pytest.raises(StreamMissing, match=f"the broker has no stream '{mistyped}'"):
                await replay(others, None, 10, is_dry=False)
        assert await replay(stage.settings, None, 10, is_dry=True) == (1, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["memory", "redis", "nats", "kafka"], indirect=True)
def test_letters_that_come_meanwhile_are_left_for_the_next_time(
    stage: Stage, make_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with stage.connected() as broker:
            name, first = stage.streams.dead_letters, letters(make_events(3))
            await broker.publish(name, first)
            found = 0
            async for letter in broker.dead_letters():
                assert found < 4
                # Events that fail as soon as they are replayed would keep it at work for ever.
                await broker.publish(name, [Outgoing(f"again{found}", b"no event")])
                await broker.settle(letter, keep=False)
                found += 1
            assert found == 4

    monkeypatch.setattr(redis_broker, "PAGE", 2)
    asyncio.run(scenario())


@pytest.mark.parametrize("stage", ["redis"], indirect=True)
def test_the_command_replays_all_says_what_was_cut_and_how_to_remove_it(
    stage: Stage,
    make_events: Events,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def publish() -> None:
        async with stage.connected() as broker:
            await broker.publish(stage.streams.dead_letters, letters(make_events(1001)))

    def said(*arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["replay", *arguments])
        command.main()
        return capsys.readouterr().out.splitlines()

    asyncio.run(publish())
    settings: Settings = stage.settings
    monkeypatch.setattr(command, "read_settings", lambda: settings)
    hint = "1 were cut and cannot be replayed: --remove-cut removes them"
    assert said("--dry-run")[-2:] == ["1001 dead letters would be replayed", hint]
    assert said() == ["1001 dead letters replayed", hint]
    assert said("--remove-cut") == ["1 dead letters removed"]
    assert said("--dry-run") == ["0 dead letters would be replayed"]
