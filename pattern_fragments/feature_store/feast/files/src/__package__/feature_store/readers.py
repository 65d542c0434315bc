"""Reads rows of an online store that Feast wrote, in SQLite or Redis."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from .encoding import entity_key, number, redis_field
from .server import server_of
from .versions import PROJECT

_T = TypeVar("_T")

CHUNK = 500
"""Entities that are asked for at once."""

REDIS = ("redis", "rediss")


class StoreAwayError(OSError):
    """The online store does not answer, or is none."""


class Reader(Protocol):
    """Gives the rows of some entities."""

    def read(
        self, view: str, entity: str, names: Sequence[str], features: Sequence[str]
    ) -> Mapping[str, tuple[float, ...]]:
        """The features of the entities that the store holds in a view.

        Raises StoreAwayError when the store does not answer.
        """


class SqliteReader:
    """Reads a file; opened for each read, so a file that took its place is seen."""

    def __init__(self, path: Path, timeout_s: float = 1.0) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def __str__(self) -> str:
        return str(self._path)

    def read(
        self, view: str, entity: str, names: Sequence[str], features: Sequence[str]
    ) -> Mapping[str, tuple[float, ...]]:
        """The features of the entities that the file holds in a view."""
        keys = {entity_key(entity, name): name for name in names}
        found: dict[str, dict[str, float]] = {}
        # Not mode=ro: what a writer left when it was killed may have to be rolled back first.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, timeout=self._timeout_s, uri=True)) as file:
                for some in _chunks([*keys]):
                    marks = ",".join("?" * len(some))
                    query = (
                        f'SELECT entity_key, feature_name, value FROM "{PROJECT}_{view}"'  # noqa: S608 - names of this code
                        f" WHERE entity_key IN ({marks})"
                    )
                    for key, feature, value in file.execute(query, some):
                        found.setdefault(keys[key], {})[feature] = number(value)
        except sqlite3.Error as error:
            if "no such table" in str(error):
                return {}
            raise StoreAwayError(f"{self} cannot be read: {error}") from error
        return {
            name: tuple(row.get(feature, float("nan")) for feature in features)
            for name, row in found.items()
        }


class RedisReader:
    """Reads a server. It waits for no answer longer than the timeout, and asks twice at most.

    Raises ValueError for an address that says what not all can follow.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        server = server_of(url)
        self._server = f"Redis at {server.host}"
        options: dict[str, Any] = {**server.options}
        self._client = Redis(
            host=server.host,
            port=server.port,
            **options,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),  # a connection of before may be dead; more is for later
        )

    def __str__(self) -> str:
        return self._server

    def read(
        self, view: str, entity: str, names: Sequence[str], features: Sequence[str]
    ) -> Mapping[str, tuple[float, ...]]:
        """The features of the entities that the server holds in a view."""
        fields = [redis_field(view, feature) for feature in features]
        found = {}
        try:
            for some in _chunks(names):
                with self._client.pipeline(transaction=False) as pipeline:
                    for name in some:
                        pipeline.hmget(entity_key(entity, name) + PROJECT.encode(), fields)
                    rows = pipeline.execute()
                for name, row in zip(some, rows, strict=True):
                    if any(value is not None for value in row):
                        found[name] = tuple(number(value) for value in row)
        except RedisError as error:
            raise StoreAwayError(f"{self} does not answer: {error}") from error
        return found


def is_redis(store: str) -> bool:
    """Whether a setting names a server and not a file; raises ValueError when it names neither."""
    if not store.strip():
        raise ValueError("the online store is named by an empty text: give an address, or no text")
    scheme, separator, _ = store.partition("://")
    if separator and scheme not in REDIS:
        raise ValueError(f"{scheme}:// is no online store: give redis://, rediss:// or a file")
    return bool(separator)


def reader_of(store: str | None, own: Path, timeout_s: float) -> Reader:
    """The reader of the store that the settings name; of the model's own file if they name none."""
    if store is None:
        return SqliteReader(own, timeout_s)
    if is_redis(store):
        return RedisReader(store, timeout_s)
    return SqliteReader(Path(store), timeout_s)


def _chunks(items: Sequence[_T]) -> list[Sequence[_T]]:
    return [items[first : first + CHUNK] for first in range(0, len(items), CHUNK)]
