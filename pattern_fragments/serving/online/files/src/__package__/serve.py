"""Serve the model over HTTP: `python -m __package__.serve`."""

import argparse
import sys
from collections.abc import Sequence

from . import logs
from .serving.server import ListenError, serve
from .settings import read_settings
from .wiring import build_application, build_service


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then serve until told to stop."""
    argparse.ArgumentParser(
        prog="python -m __package__.serve",
        description="Serve the model over HTTP until told to stop.",
    ).parse_args(arguments)
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        service = build_service(settings)
        application = build_application(service)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot serve: {error}")
    try:
        serve(application)
    except ListenError as error:
        sys.exit(f"cannot serve: {error}")
    finally:
        service.observers.close()


if __name__ == "__main__":
    main()
