"""Publish sample events, to try the service with.

Run it as `python -m __package__.publish`.
"""

import argparse
import asyncio
import sys

from .settings import Settings, read_settings
from .streaming.broker import Streams, shared_broker
from .streaming.sample_events import feed


def main() -> None:
    """Publish as many events as asked for, at the rate asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000, help="how many; 1000 by default")
    parser.add_argument("--rate", type=float, default=200.0, help="per second; 200 by default")
    options = parser.parse_args()
    if options.events < 1 or not options.rate > 0:
        parser.error("--events and --rate must be greater than 0")
    try:
        published = asyncio.run(publish(read_settings(), options.rate, options.events))
    except (OSError, ValueError) as error:
        sys.exit(f"cannot publish: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted: what was published stays published")
    print(f"{published} events published")  # noqa: T201 - what the command is for


async def publish(settings: Settings, per_second: float, most: int) -> int:
    """Publish `most` sample events; how many there were. Raises ValueError without a broker."""
    broker = shared_broker(settings)
    try:
        await broker.open()
        return await feed(broker, Streams.of(settings), per_second, most)
    finally:
        await broker.close()


if __name__ == "__main__":
    main()
