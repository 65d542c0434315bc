"""The domain's entity features as objects of Feast: entities, views and the feature service.

It loads Feast, which takes seconds: whoever needs this module imports it when it is needed.
"""

import io
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..feature_matrix import ENTITIES
from .feast import (
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    Float32,
    Float64,
    RepoConfig,
    String,
    ValueType,
)
from .grid import TIMESTAMP, files_of
from .server import server_of
from .versions import (
    AS_OF,
    INTERVAL,
    NEWEST,
    PROJECT,
    TABLE,
    feature_service,
    freshness_view,
    view_of,
)

REGISTRY = "registry.pb"
"""What Feast knows of the project, all versions of its views; other services may read it."""


@contextmanager
def feature_store(offline: Path, online: Mapping[str, object]) -> Iterator[FeatureStore]:
    """Feast, knowing the domain's definitions, with its rows and its registry below `offline`.

    One process at a time: whoever shares the folder holds its lock.
    """
    registry = offline / REGISTRY
    with _scratch(offline / ".registry") as scratch, quiet():
        # Feast overwrites its registry in place: a crash would leave a part of it.
        copy = scratch / REGISTRY
        if registry.exists():
            shutil.copyfile(registry, copy)
        config = RepoConfig(
            project=PROJECT,
            provider="local",
            registry=str(copy.absolute()),
            offline_store={"type": "duckdb"},
            online_store=dict(online),
            entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        try:
            store.apply(_definitions(offline))
            yield store
            copy.replace(registry)
        finally:
            _close(store)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder; one of a process that was killed is taken over."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Feast's reports off the terminal, and the deprecations of what it calls."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def in_sqlite(path: Path) -> dict[str, object]:
    """The configuration of an online store in a file."""
    return {"type": "sqlite", "path": str(path.absolute())}


def in_redis(url: str, timeout_s: float) -> dict[str, object]:
    """The configuration of an online store in Redis; raises ValueError as `server_of` does."""
    server = server_of(url)
    options = {
        **server.options,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
    }
    # Feast splits at commas and reads each value as JSON, in which a comma has another spelling.
    pairs = [f"{server.host}:{server.port}"]
    for name, value in options.items():
        pairs.append(f"{name}={json.dumps(value)}".replace(",", "\\u002c"))
    return {"type": "redis", "connection_string": ",".join(pairs)}


def _definitions(offline: Path) -> list[Any]:
    entities, views = [], []
    for entity, features in ENTITIES.items():
        entities.append(Entity(name=entity, value_type=ValueType.STRING))
        schema = [Field(name=feature.name, dtype=Float32) for feature in features]
        views.append(_view(view_of(entity), entities[-1], schema, offline))
    entities.append(Entity(name=TABLE, value_type=ValueType.STRING))
    freshness = [Field(name=NEWEST, dtype=Float64)]
    names = [[feature.name for feature in features] for features in ENTITIES.values()]
    service = FeatureService(
        name=f"{PROJECT}_{feature_service().version}",
        features=[view[columns] for view, columns in zip(views, names, strict=True)],
        description="What the model is trained on and served with",
    )
    return [*entities, *views, _view(freshness_view(), entities[-1], freshness, offline), service]


def _view(name: str, entity: Entity, schema: list[Field], offline: Path) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=timedelta(seconds=INTERVAL),
        schema=[
            Field(name=entity.name, dtype=String),
            *schema,
            Field(name=AS_OF, dtype=Float64),
        ],
        source=FileSource(path=files_of(offline, name), timestamp_field=TIMESTAMP),
    )


def _close(store: FeatureStore) -> None:
    """Close what Feast leaves to the garbage collector."""
    online = store._get_provider().online_store
    for connection in (getattr(online, "_conn", None), getattr(online, "_client", None)):
        if connection is not None:
            connection.close()
