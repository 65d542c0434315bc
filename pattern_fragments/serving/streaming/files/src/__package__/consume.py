"""Score events from a broker: `python -m __package__.consume`."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence

from . import logs
from .service import Service
from .settings import read_settings
from .streaming.broker import Broker, shared_broker
from .streaming.consumer import Consumer
from .streaming.endpoints import endpoints, listen
from .wiring import build_routes, build_service

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then consume until told to stop; exit code 1 when events were left over."""
    argparse.ArgumentParser(description="Score events until told to stop.").parse_args(arguments)
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        broker = shared_broker(settings)
        service = build_service(settings)
        listener = listen(settings)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot consume: {error}")
    # From here on an error is a defect, and its traceback is wanted.
    is_drained = asyncio.run(consume(service, broker, listener))
    sys.exit(0 if is_drained else 1)


async def consume(service: Service, broker: Broker, listener: socket.socket) -> bool:
    """Consume until SIGTERM or SIGINT; whether all that was in flight could be finished."""
    stop = asyncio.Event()
    _stop_at_signals(stop)
    consumer = Consumer(service, broker)
    service.gauges.extend(consumer.figures.gauges())
    routes = build_routes(service)
    with endpoints(listener, consumer.figures, stop, routes, service.gauges):
        host, port, *_ = listener.getsockname()
        logger.info("consuming", extra={"host": host, "port": port})
        try:
            return await consumer.run(stop)
        finally:
            await broker.close()
            await asyncio.to_thread(service.observers.close)
            logger.info("stopped", extra={"unfinished": consumer.figures.in_flight})


def _stop_at_signals(stop: asyncio.Event) -> None:
    """The first signal begins an orderly end; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def begin() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, begin)


if __name__ == "__main__":
    main()
