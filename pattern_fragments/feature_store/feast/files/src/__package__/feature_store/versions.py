"""What the feature service of this code is called: by a fingerprint of what it promises.

A changed definition gets other names, so that two versions live in one online store side by side,
and a model never reads features that it was not trained on.
"""

from hashlib import sha256
from pathlib import Path

import msgspec

from ..feature_matrix import ENTITIES
from ..model_folder import ModelFolder, write_atomically

PROJECT = "__package__"
"""Names the features of this service in stores that others use too."""

INTERVAL = 3600
"""Seconds between two moments that features are computed for. Training sees those of the last full
interval before each row, as serving does: no younger and no older."""

FILE_NAME = "feature_service.json"

AS_OF = "as_of"
"""The moment that a row is of, in seconds since 1970 UTC. Feast keeps times of its own, but those
in SQLite depend on the time zone of who writes and who reads."""

TABLE = "event_table"
"""The entity of the view on freshness: an event table of the domain."""

NEWEST = "newest_event"
"""When the newest event of a table became known, in seconds since 1970 UTC."""


class FeatureService(msgspec.Struct, frozen=True):
    """The record in a model folder of what the model was trained on."""

    project: str
    version: str
    interval_s: int
    views: dict[str, tuple[str, ...]]
    """The features of each view."""


def feature_service() -> FeatureService:
    """The feature service that this code defines."""
    views = {view_of(entity): tuple(f.name for f in ENTITIES[entity]) for entity in ENTITIES}
    return FeatureService(PROJECT, _fingerprint(ENTITIES), INTERVAL, views)


def view_of(entity: str) -> str:
    """The name of the view of an entity's features."""
    return f"{entity}_{_fingerprint(ENTITIES[entity])}"


def freshness_view() -> str:
    """The view on freshness. It is written last: what it says holds for all of its version."""
    return f"freshness_{_fingerprint(ENTITIES)}"


def event_tables() -> tuple[str, ...]:
    """The domain's tables that features are computed from."""
    return tuple(sorted({f.events for features in ENTITIES.values() for f in features}))


def write_feature_service(folder: Path) -> None:
    """Record in a new model folder what the model was trained on."""
    content = msgspec.json.format(msgspec.json.encode(feature_service())) + b"\n"
    write_atomically(folder / FILE_NAME, content)


def check_feature_service(folder: ModelFolder) -> None:
    """Raise ValueError when the model was trained on another feature service than the code's."""
    path, defined = folder.path / FILE_NAME, feature_service()
    if not path.exists():
        raise ValueError(f"{path} is missing: the model was trained without this feature store")
    trained = msgspec.json.decode(path.read_bytes(), type=FeatureService)
    if trained != defined:
        raise ValueError(
            f"the model in {folder.path} was trained on version {trained.version} of the feature"
            f" service {trained.project}, and the code defines {defined.version}: train again"
        )


def _fingerprint(definition: object) -> str:
    return sha256(msgspec.json.encode((definition, INTERVAL))).hexdigest()[:8]
