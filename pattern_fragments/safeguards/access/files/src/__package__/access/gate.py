"""Who is let in: by the headers of a request alone, before anything of its body is read."""

import logging
import math
import time
from collections.abc import Callable, Iterable

from ..serving.refusal import Refusal
from .key_file import Permission
from .keyring import Keyring
from .rates import Strangers

STRANGERS_PER_S = 1.0
STRANGERS_BURST = 60
"""So often an address may ask without a good key before the answer is 429."""
MOST_STRANGERS = 1024
"""Addresses that are told apart; it bounds the memory that strangers can take."""
QUIET_S = 60.0
"""Too many strangers are logged at most once in this many seconds."""

Header = tuple[bytes, bytes]

logger = logging.getLogger(__name__)


class Gate:
    """Admits callers by their keys, each within its share.

    `clock` does not go back; `today` gives seconds since 1970 UTC.
    """

    def __init__(
        self,
        keyring: Keyring,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._keyring = keyring
        self._clock = clock
        self._today = today
        self.strangers = Strangers(STRANGERS_PER_S, STRANGERS_BURST, MOST_STRANGERS)
        self._quiet_until = -math.inf

    def admit(self, headers: Iterable[Header], address: str, permission: Permission) -> str:
        """The name of the caller; raises Refusal (401, 403 or 429)."""
        now = self._clock()
        key = _key(headers)
        if key is None:
            raise self._stranger(address, now, "Send your key: Authorization: Bearer KEY.", "")
        known = self._keyring.find(key, now)
        if known is None:
            raise self._stranger(address, now, "Nobody has this key.", _INVALID)
        caller = known.caller
        if self._today() >= known.ends:
            message = f"The last day of this key was {caller.expires}."
            raise self._stranger(address, now, message, _INVALID)
        if wait_s := known.bucket.take(now):
            seconds = math.ceil(wait_s)
            raise Refusal(
                429,
                "rate_limited",
                f"{caller.requests_per_s:g} requests a second are your share:"
                f" wait {seconds} s, then ask more slowly.",
                headers={b"retry-after": b"%d" % seconds},
            )
        if permission not in caller.permissions:
            raise Refusal(
                403,
                "forbidden",
                f"This key may {' and '.join(caller.permissions)}, and not {permission}.",
                headers={b"www-authenticate": b'Bearer error="insufficient_scope"'},
            )
        return caller.name

    def _stranger(self, address: str, now: float, message: str, error: str) -> Refusal:
        """The refusal of somebody without a good key.

        A good key is known before this is asked: strangers at an address, which may be that of a
        proxy, take nothing from callers who come from there.
        """
        wait_s = self.strangers.take(address, now)
        if not wait_s:
            challenge = f"Bearer{error}".encode()
            return Refusal(401, REASON, message, headers={b"www-authenticate": challenge})
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            logger.warning("many requests without a good key", extra={"address": address})
        seconds = math.ceil(wait_s)
        return Refusal(
            429,
            REASON,
            f"Too many requests came from here without a good key: wait {seconds} s.",
            headers={b"retry-after": b"%d" % seconds, b"connection": b"close"},
        )


REASON = "unauthenticated"
"""The reason of a refusal of strangers, whatever its status."""

_INVALID = ' error="invalid_token"'


def _key(headers: Iterable[Header]) -> bytes | None:
    """The key that a request brings; None when it brings none, or more than one."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1:
        return None
    scheme, _, key = found[0].partition(b" ")
    return key.strip() or None if scheme.lower() == b"bearer" else None
