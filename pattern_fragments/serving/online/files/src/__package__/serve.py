"""Serve the model over HTTP: `python -m __package__.serve`."""

import sys

from . import logs
from .serving.server import serve
from .settings import read_settings
from .wiring import build_application, build_service


def main() -> None:
    """Load the model, then serve until told to stop."""
    try:
        settings = read_settings()
        logs.configure(settings.log_level)
        service = build_service(settings)
        application = build_application(service)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot serve: {error}")
    try:
        serve(application)
    finally:
        service.observers.close()


if __name__ == "__main__":
    main()
