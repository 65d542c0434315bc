"""JSON as RFC 8259 has it, and stricter: a key given twice is an error, and so is what is no UTF-8.

msgspec decodes fast, but keeps the last of two equal keys and says little about where text is
wrong. So a text is decoded by msgspec and, on suspicion, once more by the standard library, which
is ten times slower and can say what is wrong. Suspicion is cheap: every string of a text without
escapes stands between two quotes, so a key that was lost leaves more quotes in the text than in
the decoded value.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain

import msgspec

Path = tuple[int | str, ...]
"""List indices and keys, from the outside in."""


class MalformedJsonError(ValueError):
    """The text is no JSON; the message is a sentence for the caller."""


class DuplicateKeyError(ValueError):
    """An object has a key twice; `path` leads to it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"The key {path[-1]!r} is given twice.")
        self.path = path


def decode(text: bytes) -> object:
    """The value of a JSON text.

    NaN, Infinity and numbers beyond float64 come back as floats, so that whoever knows the fields
    can name the one that holds them.

    Raises: MalformedJsonError, DuplicateKeyError.
    """
    try:
        value = msgspec.json.decode(text)
        if b"\\" not in text and text.count(b'"') == _quotes(value):
            return value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return _decode_slowly(text)


def _quotes(value: object) -> int:
    """How many quotes a value takes when written without escapes."""
    if isinstance(value, dict):
        return 2 * len(value) + _quotes(list(value.values()))
    if isinstance(value, list):
        types = list(map(type, value))
        quotes = 2 * types.count(str)
        if dict in types or list in types:
            quotes += sum(_quotes(item) for item in value if isinstance(item, (dict, list)))
        return quotes
    return 2 if isinstance(value, str) else 0


class _Object(dict[str, object]):
    """A decoded object that remembers which of its keys was given twice."""

    repeated: str | None = None


def _decode_slowly(text: bytes) -> object:
    try:
        value = json.loads(text.decode(), object_pairs_hook=_object)
        path = next(_repeated_keys(value), None)
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedJsonError("The body holds half of a surrogate pair.") from None
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"The body is no UTF-8: byte {error.start} is wrong.") from None
    except json.JSONDecodeError as error:
        what = re.sub(r"[^ -~]", "?", error.msg)
        raise MalformedJsonError(
            f"The body is no JSON: {what} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise MalformedJsonError("The body is nested too deeply.") from None
    except ValueError:  # an integer of more digits than Python converts
        raise MalformedJsonError("The body holds a number with too many digits.") from None
    if path is not None:
        raise DuplicateKeyError(path)
    return value


def _object(pairs: list[tuple[str, object]]) -> _Object:
    result = _Object(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                result.repeated = key
            seen.add(key)
    return result


def _repeated_keys(value: object, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, _Object):
        if value.repeated is not None:
            yield (*path, value.repeated)
        items: Iterator[tuple[int | str, object]] = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    else:
        return
    yield from chain.from_iterable(
        _repeated_keys(item, (*path, key)) for key, item in items if isinstance(item, (dict, list))
    )
