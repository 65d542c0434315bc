"""What a rehearsal takes from the shell: everything but the settings of the service.

A shell that knows where production keeps its predictions must not make a rehearsal write there.
"""

import os

from ..settings import Settings

PREFIX = Settings.model_config["env_prefix"]


def without_settings() -> dict[str, str]:
    """The environment of this process for another one, which then has its settings by default."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
