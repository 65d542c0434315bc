"""What a service says, as a report may show it: one printable line, of a bounded length, without a secret."""

import re

MAX_CHARACTERS = 200


def plain(text: object, limit: int = MAX_CHARACTERS) -> str:
    """One line without control characters, escape sequences or marks that turn the direction of writing."""
    line = " ".join(str(text)[: 4 * limit].split())
    line = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def without_secret(text: str) -> str:
    """The same without the name and password that a URL in it may carry."""
    return re.sub(r"(\w://)[^/\s'\"]+@", r"\1", text)
