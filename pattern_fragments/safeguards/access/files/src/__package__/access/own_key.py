"""The key with which this service asks another version of itself."""

import re

_KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def bearer(key: str) -> dict[str, str]:
    """The header that brings a key; none for an empty one. Raises ValueError for what is no key."""
    key = key.strip()
    if not key:
        return {}
    if not _KEY.fullmatch(key):
        raise ValueError("SERVICE_OWN_KEY is no key: it holds what no header may")
    return {"Authorization": f"Bearer {key}"}
