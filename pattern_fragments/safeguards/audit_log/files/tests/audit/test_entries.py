"""What an entry holds, and what its digests are of."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from __package__.audit import contents
from __package__.audit.entries import (
    NOTHING,
    Answered,
    has_id,
    ids_of,
    line_of,
    link_of,
)
from __package__.audit.key import Key, digest, read_key

from .conftest import NOON, SECRET, answered

IDS = st.lists(
    st.one_of(
        st.builds("{}-{}".format, st.sampled_from(["a", "b-1", ""]), st.integers(0, 9)),
        st.sampled_from(["a-07", "plain", "a-", "-", "a-1x", "a-\u0663", "call-" + "9" * 30]),
    ),
    max_size=12,
)


def test_a_line_says_its_number_the_hash_before_and_its_own() -> None:
    line, own = line_of(answered(0), 7, NOTHING, None)
    assert line.startswith(b'{"n":7,"kind":"answered","time":"2013-07-01T12:00:00Z",')
    assert line.endswith(b',"before":"%b","hash":"%b"}\n' % (NOTHING.encode(), own.encode()))
    body = line.partition(b',"hash"')[0] + b"}"
    assert own == sha256(body).hexdigest()
    link = link_of(line[:-1])
    assert link is not None
    assert (link.n, link.before, link.hash, link.mac, link.is_whole) == (7, NOTHING, own, "", True)
    entry = link.entry()
    assert isinstance(entry, Answered)
    assert (entry.time, entry.request, entry.rows) == (NOON, "request0", 1)


def test_with_a_key_a_line_has_a_mac_that_needs_the_key() -> None:
    key, other = Key(SECRET), Key(SECRET[::-1])
    line, own = line_of(answered(0), 0, NOTHING, key)
    link = link_of(line[:-1])
    assert link is not None
    assert link.is_whole
    assert key.is_mac(own, link.mac)
    assert not other.is_mac(own, link.mac)
    assert key.name != other.name


@given(IDS)
def test_every_id_is_found_again_however_they_are_drawn_together(ids: list[str]) -> None:
    drawn = ids_of(ids)
    assert all(has_id(drawn, one) for one in ids)
    others = {"a-10", "b", "b-1", "a-00", "call", "plain-0"} - set(ids)
    assert not any(has_id(drawn, one) for one in others)


def test_ids_that_count_on_take_one_place() -> None:
    assert ids_of(["v-1", "v-2", "v-4", "x", "v-5"]) == [("v", 1, 2), ("v", 4, 4), "x", ("v", 5, 5)]
    assert len(ids_of([f"v-{number}" for number in range(1000)])) == 1


def test_any_other_content_has_another_digest() -> None:
    one = {"a": np.array([1.0, 2.0]), "b": np.array([1, 2])}
    others = [
        {"a": np.array([1.0, 2.5]), "b": np.array([1, 2])},
        {"a": np.array([2.0, 1.0]), "b": np.array([1, 2])},
        {"b": np.array([1.0, 2.0]), "a": np.array([1, 2])},
        {"a": np.array([1, 2]), "b": np.array([1, 2])},
        {"a": np.array([1.0, 2.0])},
    ]
    written = [contents.inputs(columns) for columns in [one, *others]]
    assert len({digest(content, None) for content in written}) == len(written)


def test_the_order_and_the_width_of_columns_change_no_digest() -> None:
    one = {"a": np.array([1.0, 2.0]), "b": np.array([1, 2])}
    same = {"b": np.array([1, 2], np.int32), "a": np.array([0, 1, 0, 2.0])[1::2]}
    assert contents.inputs(one) == contents.inputs(same)


def test_a_digest_with_a_key_cannot_be_guessed_without_it() -> None:
    content = contents.predictions(np.array([0.5], np.float32))
    assert digest(content, Key(SECRET)) != digest(content, None)
    assert digest(content, Key(SECRET)) == digest(content, Key(SECRET))


def test_a_key_that_is_too_short_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(SECRET[:31] + b"\n")
    with pytest.raises(ValueError, match=r"key holds 31 bytes, and a key has 32 at least"):
        read_key(path)
    path.write_bytes(SECRET + b"\n")
    assert read_key(path).name == Key(SECRET).name
