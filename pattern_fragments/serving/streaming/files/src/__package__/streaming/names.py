"""Which names of streams and groups a broker takes, so that a wrong one is told at the start."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    """What a name must match, and the same in words."""

    pattern: str
    words: str


_ANY = Rule(r"[!-~]{1,249}", "1 to 249 printable characters, and no space")
_NATS = Rule(r"[A-Za-z0-9_-]{1,249}", "1 to 249 letters, digits, '-' and '_'")
_KAFKA = Rule(r"(?!\.\.?$)[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, '.', '-' and '_'")
_RULES = {"nats": _NATS, "tls": _NATS, "kafka": _KAFKA}


def check_names(scheme: str, names: Mapping[str, str]) -> None:
    """Check names by the variables that hold them; raises ValueError for the first wrong one."""
    rule = _RULES.get(scheme, _ANY)
    for variable, name in names.items():
        if not re.fullmatch(rule.pattern, name):
            raise ValueError(
                f"{variable} is {name!r}, but a name on {scheme}:// has {rule.words} only"
            )
