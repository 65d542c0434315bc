"""The address of a Redis, taken apart in one place for Feast, which writes, and for who reads."""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

PORT = 6379

FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""Options of an address that name a file for TLS."""

# No IPv6 address and no list of servers: Feast splits at colons and commas.
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_FORM = "give redis://user:password@host:6379/0, or rediss:// for TLS"


class Server(msgspec.Struct, frozen=True):
    """Where a Redis is, and with what a client of redis-py connects to it."""

    host: str
    port: int
    options: dict[str, str | int | bool]


def server_of(url: str) -> Server:
    """The server that an address names.

    Raises ValueError for whatever else the address says: what one of the two clients ignored would
    let them talk to different databases, or one of them in the clear. The message does not repeat
    the address, which may hold a password.
    """
    parts, port = _split(url)
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise ValueError(f"the address of Redis needs the name of one server: {_FORM}")
    query = _query(parts)
    options: dict[str, str | int | bool] = {"db": _database(parts.path, query.pop("db", None))}
    for name, value in (("username", parts.username), ("password", parts.password)):
        if value:
            options[name] = unquote(value)
    if parts.scheme == "rediss":
        options["ssl"] = True
    elif query:
        raise ValueError(f"the address of Redis says {min(query)} without TLS: give rediss://")
    return Server(host, port, {**options, **query})


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = PORT if parts.port is None else parts.port
    except ValueError:  # its message holds a part of the address
        port = -1
    # What follows a sign of a password that is not escaped, and may be the rest of it.
    if port < 0 or "#" in url or "@" in parts.path + parts.query:
        raise ValueError(
            f"the address of Redis cannot be read: {_FORM}, with the signs of a password escaped"
            " (/ is %2F)"
        )
    return parts, port


def _query(parts: SplitResult) -> dict[str, str]:
    query = parse_qs(parts.query, keep_blank_values=True)
    for name, values in query.items():
        if name not in ("db", *FILES):
            raise ValueError(
                f"the address of Redis has the option {name}, which not all that use it understand:"
                f" only db, {', '.join(FILES)} can stand there"
            )
        if len(values) > 1 or not values[0]:
            raise ValueError(f"the address of Redis needs one value for {name}")
    return {name: value for name, [value] in query.items()}


def _database(path: str, option: str | None) -> int:
    said = [text for text in (path.removeprefix("/"), option) if text]
    if len(said) > 1:
        raise ValueError("the address of Redis names its database twice: leave out ?db=")
    if said and not (said[0].isascii() and said[0].isdecimal()):
        raise ValueError(f"the database of Redis is a number, and not {said[0]!r}: {_FORM}")
    return int(said[0]) if said else 0
