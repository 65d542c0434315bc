"""Score events as a candidate, and publish nothing.

The command is `python -m __package__.shadow.consume`.
It reads the champion's events as a group of its own, and logs what it predicts: the id of a
prediction follows from the event, so both logs have the same ones.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from .. import logs
from ..consume import consume
from ..settings import Settings, read_settings
from ..streaming.broker import GROUP, shared_broker
from ..streaming.endpoints import listen
from ..wiring import build_service
from .figures import ShadowFigures
from .silent import SilentBroker
from .watch import Watch


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then consume until told to stop; exit code 1 when events were left over."""
    argparse.ArgumentParser(
        prog="python -m __package__.shadow.consume",
        description="Score events as a candidate that nobody hears, until told to stop.",
    ).parse_args(arguments)
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        mine = shadow_settings(settings)
        broker = SilentBroker(shared_broker(mine))
        service = build_service(mine)
        listener = listen(mine)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot consume: {error}")
    figures = ShadowFigures(settings)
    service.gauges.extend([*figures.gauges(), *broker.gauges()])
    with Watch(settings, figures):
        is_drained = asyncio.run(consume(service, broker, listener))
    sys.exit(0 if is_drained else 1)


def shadow_settings(champion: Settings) -> Settings:
    """The champion's settings for a candidate: its own group and its own log.

    The group is never the champion's, whatever the settings say: else it would take its events.
    """
    group = f"{champion.consumer_group or GROUP}-shadow"
    changes = {"consumer_group": group, "prediction_log": champion.shadow_log}
    return champion.model_copy(update=changes)


if __name__ == "__main__":
    main()
