"""Who asks: the caller of the request that is being answered."""

import logging
from contextvars import ContextVar

caller: ContextVar[str] = ContextVar("caller", default="")
"""The name of the caller, set for each request; empty where no key is asked for."""


def name_the_caller(record: logging.LogRecord) -> bool:
    """A filter for handlers of logs: each line that a request leaves says whose it was."""
    if name := caller.get():
        vars(record)["caller"] = name
    return True
