"""The file of those who may call: of each the name, the hash of the key, and what it allows.

The file holds no key. A key is 32 random bytes, written as text that is safe in a URL. Nobody can
guess it, so a plain SHA-256 gives nothing away: the slow and salted hashes that passwords need
would only make every request slow.
"""

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Permission = Literal["describe", "predict"]

PREDICT: Permission = "predict"
"""To ask for predictions."""
DESCRIBE: Permission = "describe"
"""To read what the service is: its model, inputs and documentation."""
PERMISSIONS: tuple[Permission, ...] = (DESCRIBE, PREDICT)

NAME = "^[a-z0-9][a-z0-9-]{0,62}$"
"""What a caller may be called."""

MOST_BYTES = 1024 * 1024
"""As much as a Secret of Kubernetes holds: some four thousand callers."""


class Caller(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may call."""

    name: Annotated[str, msgspec.Meta(pattern=NAME)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the key, in hexadecimal."""
    permissions: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1)]
    requests_per_s: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    """How many requests each process of the service answers in the long run."""
    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    """How many it answers at once."""
    expires: date | None = None
    """The last day (UTC) on which the key is good; None: it does not end."""


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds, as JSON."""

    callers: tuple[Caller, ...]


def digest(key: bytes) -> str:
    """What the file holds in the place of a key."""
    return sha256(key).hexdigest()


def read(path: Path) -> tuple[Caller, ...]:
    """The callers of a file; raises OSError, and ValueError with a sentence on what is wrong."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(MOST_BYTES + 1)
    if mode & stat.S_IWOTH:
        raise ValueError(
            f"everybody on this machine may write {path}, and so let themselves in: chmod o-w it"
        )
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES} bytes: it is no file of keys")
    try:
        callers = msgspec.json.decode(content, type=KeyFile).callers
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no file of keys: {error}") from None
    for what, values in (
        ("name", [one.name for one in callers]),
        ("sha256", [one.sha256 for one in callers]),
    ):
        if twice := _twice(values):
            raise ValueError(f"{path} has two callers with the {what} {twice}: remove one of them")
    return callers


def is_readable_by_all(path: Path) -> bool:
    """Whether everybody on this machine may read who the callers are."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def write(path: Path, callers: Iterable[Caller]) -> None:
    """Replace the file, so that a reader sees the old one or the new one, never a part.

    A new one is for its owner alone (mode 0600); one that was there keeps its mode. Raises OSError,
    and ValueError for more callers than a file may hold.
    """
    rows = sorted(callers, key=lambda one: one.name)
    content = msgspec.json.format(msgspec.json.encode(KeyFile(callers=tuple(rows)))) + b"\n"
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} can hold no more callers: {MOST_BYTES} bytes are its limit")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(stat.S_IMODE(path.stat().st_mode))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _twice(values: Iterable[str]) -> str:
    """A value that stands there twice; else nothing."""
    return next((value for value, count in Counter(values).items() if count > 1), "")
