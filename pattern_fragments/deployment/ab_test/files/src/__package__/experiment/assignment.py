"""Who gets which model: decided by a keyed hash, so the same one each time and everywhere."""

from hashlib import blake2b

CONTROL, CHALLENGER = "control", "challenger"
ARMS = (CONTROL, CHALLENGER)

SIZE = 16
"""Bytes of a pseudonym."""

UNIFORM_SIZE = 8
"""So many of them, read as a number, are uniform: they decide on the arm."""


class Assignment:
    """Splits units between the arms; `share` is that of the challenger.

    Another salt splits them anew, independently. Nothing is stored: every process and every
    restart comes to the same arm.
    """

    def __init__(self, salt: str, share: float) -> None:
        self._key = blake2b(salt.encode(), digest_size=32).digest()
        self._challenger_below = int(share * 256**UNIFORM_SIZE)

    def pseudonym(self, unit: bytes) -> str:
        """What a unit is called in the log: 32 hexadecimal digits."""
        return blake2b(unit, digest_size=SIZE, key=self._key).hexdigest()

    def arm(self, pseudonym: str) -> str:
        """The arm of a unit."""
        number = int(pseudonym[: 2 * UNIFORM_SIZE], 16)
        return CHALLENGER if number < self._challenger_below else CONTROL
