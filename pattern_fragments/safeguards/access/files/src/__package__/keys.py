"""Give out keys, list them and take them back.

The command is `python -m __package__.keys`.
A running service takes over what changes within seconds.
"""

import argparse
import fcntl
import math
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from .access.key_file import NAME, PERMISSIONS, Caller, digest, read, write
from .settings import read_settings

DEFAULT_FILE = Path("keys/callers.json")
KEY_BYTES = 32
MISUSED = 2
"""The exit code when nothing was done."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 when nothing was done, for the reason that one sentence gives."""
    options = _parser().parse_args(arguments)
    run: Callable[[Path, argparse.Namespace], list[str]] = options.run
    try:
        path = options.file or read_settings().keys_file or DEFAULT_FILE
        lines = run(path, options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"keys: {error}\n")
        return MISUSED
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _add(path: Path, options: argparse.Namespace) -> list[str]:
    if options.expires is not None and options.expires < datetime.now(UTC).date():
        raise ValueError(f"{options.expires} is over: a key ends today at the earliest")
    if not re.fullmatch(NAME, options.name):
        raise ValueError(
            f"{options.name!r} is no name of a caller: give lower-case letters, digits and hyphens,"
            " 63 at most, such as shop-2"
        )
    key = secrets.token_urlsafe(KEY_BYTES)
    row = {
        "name": options.name,
        "sha256": digest(key.encode()),
        "permissions": sorted(set(options.permission or PERMISSIONS)),
        "requests_per_s": options.rate,
        "burst": math.ceil(2 * options.rate) if options.burst is None else options.burst,
        "expires": options.expires,
    }
    try:
        caller = msgspec.convert(row, Caller)
    except msgspec.ValidationError as error:
        raise ValueError(f"{options.name!r} cannot be added: {error}") from None
    with _alone(path):
        callers = read(path) if path.exists() else ()
        if any(one.name == caller.name for one in callers):
            raise ValueError(
                f"{caller.name} has a key in {path} already: remove it first, or name this one"
                f" {caller.name}-2 and remove the old one when nobody uses it any more"
            )
        write(path, (*callers, caller))
    sys.stderr.write(
        f"{caller.name} may {' and '.join(caller.permissions)}. This is the key; it is shown once,"
        f" and {path} holds its hash only:\n"
    )
    return [key]


def _list(path: Path, _options: argparse.Namespace) -> list[str]:
    today = datetime.now(UTC).date()
    return [_line(one, today) for one in read(path)]


def _remove(path: Path, options: argparse.Namespace) -> list[str]:
    with _alone(path):
        callers = read(path)
        left = [one for one in callers if one.name != options.name]
        if len(left) == len(callers):
            known = ", ".join(one.name for one in callers) or "nobody"
            raise ValueError(f"{path} has no caller {options.name}; it has {known}")
        write(path, left)
    return []


def _line(caller: Caller, today: date) -> str:
    end = "no end"
    if caller.expires is not None:
        end = f"{'ended' if caller.expires < today else 'until'} {caller.expires}"
    permissions = ", ".join(caller.permissions)
    rate = f"{caller.requests_per_s:g} requests/s, {caller.burst} at once"
    return f"{caller.name}: {permissions}; {rate}; {end}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else who uses this command changes the file meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"keys: {message}\n")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day such as 2027-01-31") from None


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False)
    shared.add_argument(
        "--file", type=Path, help=f"the file of keys; else SERVICE_KEYS_FILE, else {DEFAULT_FILE}"
    )
    parser = _Parser(prog="python -m __package__.keys")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", parents=[shared], help="let somebody call; prints the key")
    add.add_argument("name", help="lower-case letters, digits and hyphens")
    add.add_argument(
        "--permission",
        action="append",
        choices=PERMISSIONS,
        help="what the key allows; may be given more than once; without it everything",
    )
    add.add_argument("--rate", type=_rate, default=50.0, help="requests a second, per process")
    add.add_argument("--burst", type=int, help="requests at once; twice the rate without it")
    add.add_argument("--expires", type=_day, help="the last day (UTC), such as 2027-01-31")
    add.set_defaults(run=_add)
    listing = commands.add_parser("list", parents=[shared], help="who may call")
    listing.set_defaults(run=_list)
    remove = commands.add_parser("remove", parents=[shared], help="take a key back")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    return parser


if __name__ == "__main__":
    sys.exit(main())
