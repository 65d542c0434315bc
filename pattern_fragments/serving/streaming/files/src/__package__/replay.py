"""Give dead letters back to the events.

Run it as `python -m __package__.replay`.

A letter is removed after the broker has acknowledged the event made of it. So nothing is lost when
this is interrupted, and at worst an event is there twice, with the same id. A letter whose event
was cut cannot be given back: it is listed, and removed when asked for.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import NamedTuple

from .settings import Settings, read_settings
from .streaming.broker import Broker, Message, Streams, shared_broker
from .streaming.dead_letters import CUT_FROM, DELIVERIES, DETAIL, REASON, REASONS, TIME, revived


class Replayed(NamedTuple):
    """What became of the letters, or would."""

    done: int
    """Letters that were replayed, or removed when those that were cut were to go."""
    cut: int
    """Letters with the reason asked for that cannot be replayed."""


def main() -> None:
    """Replay what the arguments choose, or list it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="list them, and change nothing")
    parser.add_argument("--reason", choices=REASONS, help="only those with this reason")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="at most so many")
    parser.add_argument(
        "--remove-cut",
        action="store_true",
        help="replay nothing, and remove for good those that were cut and cannot be replayed",
    )
    options = parser.parse_args()
    if options.limit < 1:
        parser.error("--limit must be greater than 0")
    try:
        done, cut = asyncio.run(
            replay(
                read_settings(),
                options.reason,
                options.limit,
                is_dry=options.dry_run,
                remove_cut=options.remove_cut,
            )
        )
    except (OSError, ValueError) as error:
        sys.exit(f"cannot replay: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: what was replayed stays replayed")
    would_be = "would be " if options.dry_run else ""
    what = "removed" if options.remove_cut else "replayed"
    print(f"{done} dead letters {would_be}{what}")  # noqa: T201 - what the command is for
    if cut and not options.remove_cut:
        print(f"{cut} were cut and cannot be replayed: --remove-cut removes them")  # noqa: T201


async def replay(
    settings: Settings, reason: str | None, limit: int, *, is_dry: bool, remove_cut: bool = False
) -> Replayed:
    """Do so with the dead letters of the broker that the settings name.

    Raises ValueError, also when a stream is missing: nothing is made here; and OSError.
    """
    broker = shared_broker(settings)
    try:
        await broker.open(make=False)
        streams = Streams.of(settings)
        return await replay_from(
            broker, streams, reason, limit, is_dry=is_dry, remove_cut=remove_cut
        )
    finally:
        await broker.close()


async def replay_from(
    broker: Broker,
    streams: Streams,
    reason: str | None = None,
    limit: int = sys.maxsize,
    *,
    is_dry: bool = False,
    remove_cut: bool = False,
    show: Callable[[str], None] = print,
) -> Replayed:
    """Publish the events of up to `limit` dead letters again, and remove the letters.

    With `remove_cut` remove up to `limit` of those that were cut instead; when `is_dry` list both
    kinds, and change nothing.
    """
    done = cut = 0
    async for letter in broker.dead_letters():
        if done == limit:
            break
        is_chosen = reason in (None, letter.headers.get(REASON))
        is_cut = CUT_FROM in letter.headers
        is_wanted = is_chosen and is_cut == remove_cut
        if is_dry and (is_wanted or (is_chosen and is_cut)):
            show(_line(letter))
        elif not is_dry:
            if is_wanted and not is_cut:
                await broker.publish(streams.events, [revived(letter)])
            await broker.settle(letter, keep=not is_wanted)
        done += is_wanted
        cut += is_chosen and is_cut
    return Replayed(done, cut)


def _line(letter: Message) -> str:
    names = (TIME, REASON, DELIVERIES, DETAIL)
    parts = [letter.position, *(letter.headers.get(name, "-") for name in names)]
    if size := letter.headers.get(CUT_FROM):
        parts.append(f"(cut from {size} bytes, cannot be replayed)")
    return "  ".join(parts)


if __name__ == "__main__":
    main()
