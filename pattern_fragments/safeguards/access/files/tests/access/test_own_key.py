"""What a version of this service sends along when it asks another one."""

from pathlib import Path

import pytest

from __package__.access.gate import Gate
from __package__.access.key_file import PREDICT
from __package__.access.keyring import Keyring
from __package__.settings import Settings
from __package__.wiring import build_headers

from .conftest import KEY


def test_the_key_of_the_settings_is_one_that_another_version_admits(path: Path) -> None:
    # A Secret that was made from a file ends in a line break.
    sent = build_headers(Settings(own_key=f"{KEY}\n"))
    headers = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    assert Gate(Keyring(path, 0.0)).admit(headers, "10.0.0.1", PREDICT) == "shop"


def test_without_a_key_nothing_is_sent() -> None:
    assert build_headers(Settings()) == {}


@pytest.mark.parametrize("key", ["two words", "two\nlines", "schlüssel"])
def test_what_no_header_may_hold_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="SERVICE_OWN_KEY is no key") as found:
        build_headers(Settings(own_key=key))
    assert key not in str(found.value)
