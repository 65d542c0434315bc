"""How Feast writes an online store, as far as numbers of entities with one text key go.

Other software may read it: the format is a part of Feast's public interface. That serving and
Feast read the same is tested.
https://github.com/feast-dev/feast/blob/master/docs/specs/online_store_format.md
"""

import math
import struct

import mmh3

_TEXT = 2
"""feast.types.ValueType.STRING."""

_FLOAT, _DOUBLE = b"\x35", b"\x29"
"""The tags of the fields float_val and double_val of feast.types.Value."""


def entity_key(entity: str, name: str) -> bytes:
    """The key of the rows of an entity such as carrier UA, in version 3 of the format."""
    parts = [struct.pack("<I", 1)]
    for text in (entity, name):
        encoded = text.encode()
        parts += [struct.pack("<II", _TEXT, len(encoded)), encoded]
    return b"".join(parts)


def redis_field(view: str, feature: str) -> bytes:
    """The field of a feature in the hash of an entity in Redis."""
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def number(encoded: bytes | None) -> float:
    """The number in a feast.types.Value; NaN when there is none. Raises ValueError otherwise."""
    if not encoded:
        return math.nan
    tag, value = encoded[:1], encoded[1:]
    if tag == _FLOAT and len(value) == 4:
        return float(struct.unpack("<f", value)[0])
    if tag == _DOUBLE and len(value) == 8:
        return float(struct.unpack("<d", value)[0])
    raise ValueError("the online store holds something else than a number")
