"""Keys come and go while the service runs, and a broken file takes none away."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from __package__.access.key_file import write
from __package__.access.keyring import (
    LOOK_EVERY_S,
    Keyring,
    ends_of,
    unread_of,
)

from .conftest import KEY, a_caller

OTHER = "another-key"


@pytest.fixture
def keyring(path: Path) -> Keyring:
    return Keyring(path, 0.0)


@pytest.fixture
def knows(keyring: Keyring) -> Callable[..., bool]:
    """Whether a key is known, a look at the file later each time."""
    looks = iter(range(1, 100))

    def ask(key: str) -> bool:
        return keyring.find(key.encode(), next(looks) * LOOK_EVERY_S) is not None

    return ask


def test_a_key_is_found_and_what_is_none_is_not(keyring: Keyring) -> None:
    found = keyring.find(KEY.encode(), 0.0)
    assert found is not None
    assert found.caller.name == "shop"
    for wrong in ("", KEY[:-1], KEY + "x", KEY.upper(), found.caller.sha256):
        assert keyring.find(wrong.encode(), 0.0) is None


def test_the_file_is_looked_at_every_few_seconds_and_not_for_each_request(
    path: Path, keyring: Keyring
) -> None:
    write(path, [a_caller(), a_caller("app", OTHER)])
    assert keyring.find(OTHER.encode(), LOOK_EVERY_S - 0.01) is None
    assert keyring.find(OTHER.encode(), LOOK_EVERY_S) is not None


def test_a_key_that_is_taken_back_is_gone(path: Path, knows: Callable[..., bool]) -> None:
    assert knows(KEY)
    write(path, [])
    assert not knows(KEY)


def test_a_broken_file_changes_nothing_and_is_told_of_once(
    path: Path, knows: Callable[..., bool], caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("{")
    assert knows(KEY)
    assert knows(KEY)
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "stay as they were" in record.getMessage()
    write(path, [a_caller("app", OTHER)])
    assert knows(OTHER)
    assert not knows(KEY)


def test_for_how_long_keys_may_be_stale_is_shown_and_told_each_minute(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    keyring = Keyring(path, now)
    gauge = unread_of(keyring, lambda: now)
    content = path.read_text()
    path.unlink()
    while now < 190:
        now += 10
        assert keyring.find(KEY.encode(), now)
    assert gauge.values() == {(): 180.0}
    assert len(caplog.records) == 4
    path.write_text(content)
    now = 200.0
    keyring.find(b"whoever", now)
    assert gauge.values() == {(): 0.0}


def test_a_file_that_is_gone_changes_nothing_until_there_is_one_again(
    path: Path, knows: Callable[..., bool]
) -> None:
    path.unlink()
    assert knows(KEY)
    write(path, [a_caller("app", OTHER)])
    assert knows(OTHER)


def test_a_file_that_is_mended_by_its_mode_alone_is_read(
    path: Path, knows: Callable[..., bool]
) -> None:
    write(path, [a_caller("app", OTHER)])
    path.chmod(0o666)
    assert not knows(OTHER)
    path.chmod(0o600)
    assert knows(OTHER)


def test_a_link_that_leads_elsewhere_is_followed_as_in_a_mounted_secret(tmp_path: Path) -> None:
    for version, key in (("first", KEY), ("second", OTHER)):
        write(tmp_path / version / "callers.json", [a_caller(key=key)])
    (tmp_path / "data").symlink_to("first")
    keyring = Keyring(tmp_path / "data" / "callers.json", 0.0)
    (tmp_path / "next").symlink_to("second")
    (tmp_path / "next").replace(tmp_path / "data")
    assert keyring.find(OTHER.encode(), LOOK_EVERY_S) is not None


def test_a_file_that_is_read_again_gives_nobody_a_new_burst(path: Path, keyring: Keyring) -> None:
    before = keyring.find(KEY.encode(), 0.0)
    write(path, [a_caller(), a_caller("app", OTHER)])
    after = keyring.find(KEY.encode(), LOOK_EVERY_S)
    assert before is not None
    assert after is not None
    assert after.bucket is before.bucket
    write(path, [a_caller(burst=50)])
    changed = keyring.find(KEY.encode(), 2 * LOOK_EVERY_S)
    assert changed is not None
    assert changed.bucket is not before.bucket


def test_a_key_is_good_until_its_last_day_is_over(path: Path) -> None:
    write(path, [a_caller(expires="2027-01-31")])
    found = Keyring(path, 0.0).find(KEY.encode(), 0.0)
    assert found is not None
    assert found.ends == datetime(2027, 2, 1, tzinfo=UTC).timestamp()


def test_the_ends_of_keys_are_shown_and_what_has_no_end_is_not(path: Path) -> None:
    write(path, [a_caller(expires="2027-01-31"), a_caller("app", OTHER)])
    end = datetime(2027, 2, 1, tzinfo=UTC).timestamp()
    assert ends_of(Keyring(path, 0.0)).values() == {("shop",): end}


def test_a_file_that_everybody_may_read_is_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        Keyring(path, 0.0)
        assert not caplog.records
        path.chmod(0o604)
        Keyring(path, 0.0)
    [record] = caplog.records
    assert record.getMessage().endswith(f"chmod o-r {path}")
