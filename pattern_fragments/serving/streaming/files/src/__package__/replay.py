"""Give dead letters back to the events.

Run it as `python -m __package__.replay`.

A letter is removed after the broker has acknowledged the event made of it. So nothing is lost when
this is interrupted, and at worst an event is there twice, with the same id.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable

from .settings import Settings, read_settings
from .streaming.broker import Broker, Message, Streams, shared_broker
from .streaming.dead_letters import CUT_FROM, DELIVERIES, DETAIL, REASON, REASONS, TIME, revived


def main() -> None:
    """Replay what the arguments choose, or list it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="list them, and change nothing")
    parser.add_argument("--reason", choices=REASONS, help="only those with this reason")
    parser.add_argument("--limit", type=int, default=1000, help="at most so many; 1000 by default")
    options = parser.parse_args()
    if options.limit < 1:
        parser.error("--limit must be greater than 0")
    try:
        count = asyncio.run(
            replay(read_settings(), options.reason, options.limit, is_dry=options.dry_run)
        )
    except (OSError, ValueError) as error:
        sys.exit(f"cannot replay: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: what was replayed stays replayed")
    what = "would be replayed" if options.dry_run else "replayed"
    print(f"{count} dead letters {what}")  # noqa: T201 - what the command is for


async def replay(settings: Settings, reason: str | None, limit: int, *, is_dry: bool) -> int:
    """Replay up to `limit` dead letters, or list them; how many. Raises ValueError, OSError."""
    broker = shared_broker(settings)
    try:
        await broker.open()
        return await replay_from(broker, Streams.of(settings), reason, limit, is_dry=is_dry)
    finally:
        await broker.close()


async def replay_from(
    broker: Broker,
    streams: Streams,
    reason: str | None = None,
    limit: int = sys.maxsize,
    *,
    is_dry: bool = False,
    show: Callable[[str], None] = print,
) -> int:
    """Publish the events of dead letters again and remove the letters; how many there were."""
    count = 0
    async for letter in broker.dead_letters():
        if count == limit:
            break
        is_wanted = reason in (None, letter.headers.get(REASON)) and CUT_FROM not in letter.headers
        if is_dry and is_wanted:
            show(_line(letter))
        elif not is_dry:
            if is_wanted:
                await broker.publish(streams.events, [revived(letter)])
            await broker.settle(letter, keep=not is_wanted)
        count += is_wanted
    return count


def _line(letter: Message) -> str:
    names = (TIME, REASON, DELIVERIES, DETAIL)
    return "  ".join([letter.position, *(letter.headers.get(name, "-") for name in names)])


if __name__ == "__main__":
    main()
