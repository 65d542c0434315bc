"""Score sample events without a broker: what a consumer does, within one process.

Run it as `python -m __package__.demonstrate`.
"""

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from . import logs
from .consume import consume
from .service import Service
from .settings import read_settings
from .streaming.broker import Streams
from .streaming.endpoints import listen
from .streaming.memory_broker import MemoryBroker
from .streaming.sample_events import feed
from .wiring import build_service

PER_SECOND = 200

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then score sample events until told to stop."""
    argparse.ArgumentParser(description="Score sample events.").parse_args(arguments)
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        streams = Streams.of(settings)
        service = build_service(settings)
        listener = listen(settings)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot demonstrate: {error}")
    is_drained = asyncio.run(demonstrate(service, streams, listener))
    sys.exit(0 if is_drained else 1)


async def demonstrate(service: Service, streams: Streams, listener: socket.socket) -> bool:
    """Feed a consumer at a steady rate and log each second what it has predicted."""
    broker = MemoryBroker(streams)
    logger.info("no broker: sample events are made here, Ctrl-C ends it")
    around = asyncio.gather(
        feed(broker, streams, PER_SECOND, float("inf")), _show(broker, streams.predictions)
    )
    try:
        return await consume(service, broker, listener)
    finally:
        around.cancel()
        await asyncio.gather(around, return_exceptions=True)


async def _show(broker: MemoryBroker, stream: str) -> None:
    while True:
        await asyncio.sleep(1)
        predictions = await broker.read(stream)
        newest: dict[str, Any] = msgspec.json.decode(predictions[-1].body)
        logger.info("predicted", extra={"events": len(predictions), "newest": newest["data"]})


if __name__ == "__main__":
    main()
