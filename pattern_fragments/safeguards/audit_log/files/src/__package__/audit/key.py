"""The key of the audit log, and digests with it and without."""

import hmac
from hashlib import sha256
from pathlib import Path

LEAST_BYTES = 32


class Key:
    """Makes what nobody else can: the macs of entries, and digests that cannot be guessed at.

    Each use has a key of its own, HMAC-SHA256 of the secret and the name of the use.
    """

    def __init__(self, secret: bytes) -> None:
        self.name = hmac.digest(secret, b"name", "sha256").hex()[:16]
        """Tells keys apart, and tells nothing of them."""
        self._entries = hmac.digest(secret, b"entries", "sha256")
        self._contents = hmac.digest(secret, b"contents", "sha256")

    def mac(self, own: str) -> str:
        """The mac of an entry, from its hash."""
        return hmac.digest(self._entries, own.encode(), "sha256").hex()

    def is_mac(self, own: str, mac: str) -> bool:
        """Whether this is the mac of an entry with that hash."""
        return hmac.compare_digest(self.mac(own), mac)

    def digest(self, content: bytes) -> str:
        """The digest of a content."""
        return hmac.digest(self._contents, content, "sha256").hex()


def read_key(path: Path) -> Key:
    """The key in a file; raises OSError or ValueError."""
    secret = path.read_bytes().strip()
    if len(secret) < LEAST_BYTES:
        raise ValueError(
            f"{path} holds {len(secret)} bytes, and a key has {LEAST_BYTES} at least: make one with"
            " `openssl rand -hex 32`"
        )
    return Key(secret)


def digest(content: bytes, key: Key | None) -> str:
    """SHA-256 of a content, or HMAC-SHA256 with the key, in hex."""
    return key.digest(content) if key else sha256(content).hexdigest()
