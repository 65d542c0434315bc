"""JSON texts: what they mean, and what is no JSON."""

import math

import pytest

from __package__.serving.strict_json import (
    DuplicateKeyError,
    MalformedJsonError,
    decode,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, "b", null, true]}', {"a": [1, 2.5, "b", None, True]}),
        (b'{"a\\"b": "\\u00e9"}', {'a"b': "é"}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', {"a": {"b": 1}, "c": {"b": 1}}),
        (b"1e999", math.inf),
    ],
)
def test_a_text_has_its_value(text: bytes, value: object) -> None:
    assert decode(text) == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a": 1, "a": 2}', ("a",)),
        (b'{"a": 1, "\\u0061": 2}', ("a",)),
        (b'[{"b": 1}, {"b": {"c": "x", "d": 1, "c": "x"}}]', (1, "b", "c")),
    ],
)
def test_a_key_given_twice_is_found(text: bytes, path: tuple[int | str, ...]) -> None:
    with pytest.raises(DuplicateKeyError) as error:
        decode(text)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no JSON"),
        (b"{'a': 1}", "no JSON"),
        (b"[1,]", "no JSON"),
        (b'"\xff"', "no UTF-8: byte 1"),
        (b'"\\ud800"', "surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 10_000, "too many digits"),
    ],
)
def test_what_is_no_json_is_told_in_a_sentence(text: bytes, reason: str) -> None:
    with pytest.raises(MalformedJsonError, match=reason):
        decode(text)
