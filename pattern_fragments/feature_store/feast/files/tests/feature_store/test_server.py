"""The address of a Redis: who writes and who reads must take the same from it."""

from pathlib import Path

import pytest

from __package__.feature_store.readers import (
    RedisReader,
    is_redis,
)
from __package__.materialize import main
from __package__.model_folder import ModelFolder

TLS = "rediss://me:a%2C1%3D@host:6380?db=3&ssl_ca_certs=/ca%2C1.pem&ssl_certfile=c&ssl_keyfile=k"

REFUSED = {
    "redis://host/abc": "the database of Redis is a number, and not 'abc'",
    "redis://host/1/2": "the database of Redis is a number, and not '1/2'",
    "redis://host/1?db=2": "names its database twice",
    "redis://host?db=": "needs one value for db",
    "redis://host?db=1&db=2": "needs one value for db",
    "redis://host?health_check_interval=3": "has the option health_check_interval",
    "redis://host?ssl_ca_certs=ca.pem": "says ssl_ca_certs without TLS",
    "rediss://host?ssl_cert_reqs=none": "has the option ssl_cert_reqs",
    "redis://": "needs the name of one server",
    "redis://one,two": "needs the name of one server",
    "redis://[::1]": "needs the name of one server",
    "redis://:secret#1@host": "cannot be read",
    "redis://host:secret": "cannot be read",
    "redis://me:1/secret@host": "cannot be read",
    "redis://me:1?secret@host": "cannot be read",
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", {"host": "host", "port": 6379, "db": 0}),
        ("redis://:x@host:1/4", {"host": "host", "port": 1, "db": 4, "password": "x"}),
        ("redis://host?db=4", {"host": "host", "port": 6379, "db": 4}),
        (
            TLS,
            {
                "host": "host",
                "port": 6380,
                "db": 3,
                "username": "me",
                "password": "a,1=",
                "ssl_ca_certs": "/ca,1.pem",
                "ssl_certfile": "c",
                "ssl_keyfile": "k",
            },
        ),
    ],
)
def test_feast_and_the_service_connect_to_the_same(url: str, expected: dict[str, object]) -> None:
    from feast.infra.online_stores.redis import RedisOnlineStore

    from __package__.feature_store.repository import in_redis

    config = str(in_redis(url, 2.0)["connection_string"])
    [server], options = RedisOnlineStore._parse_connection_string(config)
    writer = {**options, "host": server["host"], "port": int(server["port"])}
    pool = RedisReader(url, 2.0)._client.connection_pool
    assert writer.pop("ssl", False) is (pool.connection_class.__name__ == "SSLConnection")
    assert writer == {**expected, "socket_timeout": 2.0, "socket_connect_timeout": 2.0}
    # The pool states what was left to it, too: those must not be among what the writer is told.
    told = {name: value for name, value in pool.connection_kwargs.items() if name in writer}
    assert told == writer


@pytest.mark.parametrize(("url", "reason"), REFUSED.items())
def test_what_one_of_them_would_not_follow_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        RedisReader(url, 1.0)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("store", ["", " ", "redis://:secret@host/abc"])
def test_a_wrong_address_ends_the_command_with_one_sentence(
    store: str,
    folder: ModelFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(folder.path))
    monkeypatch.setenv("SERVICE_OFFLINE_STORE", str(tmp_path / "offline"))
    monkeypatch.setenv("SERVICE_ONLINE_STORE", store)
    assert main([]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "give" in said
    assert "secret" not in said


def test_an_empty_name_is_no_store() -> None:
    with pytest.raises(ValueError, match="empty text"):
        is_redis("")
