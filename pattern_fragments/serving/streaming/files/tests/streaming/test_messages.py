"""What comes in is bounded and strict, and a dead letter keeps it as it was."""

import pytest

from __package__.streaming.broker import Message
from __package__.streaming.dead_letters import (
    CUT_FROM,
    DETAIL,
    REASON,
    REPLAYED,
    dead_letter,
    revived,
)
from __package__.streaming.events import MalformedEvent, decode


def body(**others: str) -> bytes:
    attributes = {"specversion": '"1.0"', "id": '"1"', "source": '"s"', "type": '"t"'}
    pairs = attributes | {"data": "{}"} | others
    return ("{" + ",".join(f'"{name}":{value}' for name, value in pairs.items()) + "}").encode()


def test_attributes_that_are_not_known_do_no_harm() -> None:
    assert decode(body(subject='"x"', myextension="1"), 1000).id == "1"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        body(specversion='"0.3"'),
        body(id='""'),
        body(data="[1]"),
        body(time='"yesterday"'),
        body(data='{"a":' + "[" * 5000 + "]" * 5000 + "}"),
    ],
    ids=["empty", "no UTF-8", "no object", "version", "no id", "data", "time", "nested"],
)
def test_what_is_no_event_is_refused_with_a_reason(text: bytes) -> None:
    with pytest.raises(MalformedEvent, match=r"no CloudEvent 1\.0|nested"):
        decode(text, 100_000)


def test_an_event_beyond_the_bound_is_refused_unread() -> None:
    with pytest.raises(MalformedEvent, match="has 300 bytes, but at most 256 are taken"):
        decode(b"x" * 300, 256)


def test_a_dead_letter_and_its_replay_keep_the_event() -> None:
    event = Message("7", b"\x00any bytes", {"origin": "here", "key": "k"}, deliveries=3)
    letter = dead_letter(event, "failed", "line\none \u2603", 10_000)
    assert letter.body == event.body
    assert letter.headers["origin"] == "here"
    assert letter.headers[REASON] == "failed"
    assert letter.headers[DETAIL] == "line one \\u2603"
    again = revived(Message("9", letter.body, {**letter.headers, "key": letter.key}))
    assert again.body == event.body
    assert set(again.headers) == {"origin", REPLAYED}
    assert again.key not in ("k", letter.key)


def test_what_a_dead_letter_says_of_itself_is_said_by_nobody_else() -> None:
    forged = {CUT_FROM: "5", REASON: "crashed", "origin": "here"}
    letter = dead_letter(Message("7", b"garbage", forged), "malformed", "", 10_000)
    assert CUT_FROM not in letter.headers
    assert letter.headers[REASON] == "malformed"
    assert letter.headers["origin"] == "here"


def test_headers_that_nats_obeys_go_no_further_than_the_event() -> None:
    orders = {"Nats-Expected-Stream": "events", "nats-rollup": "all", "Nats-Msg-Id": "1"}
    letter = dead_letter(Message("7", b"", orders), "malformed", "", 10_000)
    assert not [name for name in letter.headers if name.lower().startswith("nats-")]
    again = revived(Message("9", letter.body, {**letter.headers, **orders}))
    assert set(again.headers) == {REPLAYED}


def test_a_dead_letter_that_the_broker_would_refuse_is_cut_and_says_so() -> None:
    letter = dead_letter(Message("7", b"x" * 5000, {}), "malformed", "too large", 4096)
    assert len(letter.body) == 2048
    assert letter.headers[CUT_FROM] == "5000"
