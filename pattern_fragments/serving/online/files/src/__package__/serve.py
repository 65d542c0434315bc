"""Serve the model over HTTP: `python -m __package__.serve`."""

import sys

from . import logs
from .serving.application import Application
from .serving.server import serve
from .settings import Settings
from .wiring import build_routes, build_service


def main() -> None:
    """Load the model, then serve until told to stop."""
    settings = Settings()
    logs.configure(settings.log_level)
    try:
        service = build_service(settings)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot serve: {error}")
    serve(Application(service, build_routes(service)))


if __name__ == "__main__":
    main()
