"""Shares of the requests, and how much strangers can make the service remember."""

import pytest

from __package__.access.rates import Bucket, Strangers


def test_a_burst_passes_and_then_as_many_a_second_as_agreed() -> None:
    bucket = Bucket(per_s=2.0, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    passed = sum(bucket.take(0.01 * tick) == 0.0 for tick in range(1, 1001))
    assert passed == 20


def test_who_is_too_early_hears_how_long_to_wait() -> None:
    bucket = Bucket(per_s=0.5, burst=1, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.5) == pytest.approx(1.5)
    assert bucket.take(1.9) == pytest.approx(0.1)
    assert bucket.take(2.0) == 0.0


def test_a_share_that_is_not_used_grows_to_the_burst_and_no_further() -> None:
    bucket = Bucket(per_s=100.0, burst=2, now=0.0)
    assert [bucket.take(3600.0) == 0.0 for _ in range(3)] == [True, True, False]


def test_each_address_has_a_share_of_its_own() -> None:
    strangers = Strangers(per_s=1.0, burst=1, most=10)
    assert strangers.take("a", 0.0) == 0.0
    assert strangers.take("a", 0.0) > 0.0
    assert strangers.take("b", 0.0) == 0.0


def test_of_many_addresses_those_heard_of_last_are_remembered() -> None:
    strangers = Strangers(per_s=0.001, burst=1, most=3)
    for address in ("a", "b", "c", "a", "d"):
        strangers.take(address, 0.0)
    for number in range(10_000):
        strangers.take("a", 0.0)
        strangers.take(str(number), 0.0)
    assert len(strangers) == 3
    assert strangers.take("a", 0.0) > 0.0
    assert strangers.take("b", 0.0) == 0.0
