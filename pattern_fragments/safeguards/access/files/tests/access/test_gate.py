"""Who is admitted, and what everybody else hears."""

from collections.abc import Callable

import pytest

from __package__.access.gate import (
    MOST_STRANGERS,
    STRANGERS_BURST,
    Gate,
)
from __package__.access.key_file import DESCRIBE, PREDICT
from __package__.serving.refusal import Refusal

from .conftest import KEY, Clock, a_caller, bearing

Make = Callable[..., Gate]


def refusal(gate: Gate, headers: list[tuple[bytes, bytes]], address: str = "10.0.0.1") -> Refusal:
    with pytest.raises(Refusal) as found:
        gate.admit(headers, address, PREDICT)
    return found.value


def test_a_key_tells_who_calls(gate: Make) -> None:
    assert gate().admit(bearing(KEY), "10.0.0.1", PREDICT) == "shop"


def test_the_name_of_the_scheme_may_be_written_in_any_case(gate: Make) -> None:
    for header in (b"bearer ", b"BEARER  "):
        headers = [(b"authorization", header + KEY.encode())]
        assert gate().admit(headers, "10.0.0.1", PREDICT) == "shop"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", KEY.encode())],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"x-authorization", b"Bearer " + KEY.encode())],
        [*bearing(KEY), *bearing(KEY)],
    ],
    ids=repr,
)
def test_who_sends_no_key_is_told_how(gate: Make, headers: list[tuple[bytes, bytes]]) -> None:
    found = refusal(gate(), headers)
    assert (found.status, found.reason) == (401, "unauthenticated")
    assert found.headers == {b"www-authenticate": b"Bearer"}
    assert "Authorization: Bearer" in found.message


def test_a_key_that_nobody_has_is_refused_and_not_repeated(gate: Make) -> None:
    found = refusal(gate(), bearing("guessed"))
    assert (found.status, found.reason) == (401, "unauthenticated")
    assert found.headers == {b"www-authenticate": b'Bearer error="invalid_token"'}
    assert "guessed" not in found.message


def test_who_has_the_file_of_keys_has_no_key(gate: Make) -> None:
    assert refusal(gate(), bearing(a_caller().sha256)).status == 401


def test_a_key_is_refused_from_the_end_of_its_last_day_on(gate: Make, today: Clock) -> None:
    here = gate(a_caller(expires="2023-11-14"))
    today.now = 1_700_006_399.0
    assert here.admit(bearing(KEY), "10.0.0.1", PREDICT) == "shop"
    today.now = 1_700_006_400.0
    found = refusal(here, bearing(KEY))
    assert (found.status, found.reason) == (401, "unauthenticated")
    assert "2023-11-14" in found.message


def test_what_a_key_does_not_allow_is_forbidden(gate: Make) -> None:
    here = gate(a_caller(permissions=["describe"]))
    assert here.admit(bearing(KEY), "10.0.0.1", DESCRIBE) == "shop"
    found = refusal(here, bearing(KEY))
    assert (found.status, found.reason) == (403, "forbidden")
    assert found.message == "This key may describe, and not predict."


def test_beyond_its_share_a_caller_hears_when_to_come_again(gate: Make, clock: Clock) -> None:
    here = gate(a_caller(requests_per_s=0.4, burst=2), a_caller("app", "other"))
    for _ in range(2):
        here.admit(bearing(KEY), "10.0.0.1", PREDICT)
    found = refusal(here, bearing(KEY))
    assert (found.status, found.reason) == (429, "rate_limited")
    assert found.headers == {b"retry-after": b"3"}
    assert here.admit(bearing("other"), "10.0.0.1", PREDICT) == "app"
    clock.now += 3
    assert here.admit(bearing(KEY), "10.0.0.1", PREDICT) == "shop"


def test_what_is_forbidden_counts_towards_the_share(gate: Make) -> None:
    here = gate(a_caller(permissions=["describe"], burst=2))
    statuses = [refusal(here, bearing(KEY)).status for _ in range(3)]
    assert statuses == [403, 403, 429]


def test_an_address_that_keeps_guessing_is_slowed_down(
    gate: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    here = gate()
    statuses = [refusal(here, bearing(str(number))).status for number in range(STRANGERS_BURST)]
    assert set(statuses) == {401}
    for _ in range(3):
        found = refusal(here, bearing("guessed"))
        assert (found.status, found.reason) == (429, "unauthenticated")
        assert found.headers == {b"retry-after": b"1", b"connection": b"close"}
    assert len(caplog.records) == 1
    assert refusal(here, [], address="10.0.0.2").status == 401
    clock.now += 1
    assert refusal(here, bearing("guessed")).status == 401


def test_guessing_takes_nothing_from_callers_at_the_same_address(gate: Make) -> None:
    here = gate()
    for _ in range(2 * STRANGERS_BURST):
        refusal(here, bearing("guessed"))
    assert here.admit(bearing(KEY), "10.0.0.1", PREDICT) == "shop"


def test_addresses_without_number_take_a_bounded_memory(gate: Make) -> None:
    here = gate()
    for number in range(3 * MOST_STRANGERS):
        refusal(here, [], address=f"2001:db8::{number:x}")
    assert len(here.strangers) == MOST_STRANGERS
