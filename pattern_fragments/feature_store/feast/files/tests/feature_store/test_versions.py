"""Versions of the feature service: what a model was trained on, and nothing else."""

import msgspec
import pytest

from __package__.feature_definition import EntityFeature
from __package__.feature_matrix import ENTITIES
from __package__.feature_store import versions
from __package__.feature_store.versions import (
    FeatureService,
    feature_service,
    freshness_view,
    view_of,
)
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.wiring import build_service

from .conftest import needs_entities


def with_another_window() -> dict[str, tuple[EntityFeature, ...]]:
    """The definitions, but the first feature of the first entity looks further back."""
    entity, (first, *others) = next(iter(ENTITIES.items()))
    return {**ENTITIES, entity: (first._replace(window=first.window + 1), *others)}


def test_the_model_folder_records_its_feature_service(model_folder: ModelFolder) -> None:
    content = (model_folder.path / versions.FILE_NAME).read_bytes()
    assert msgspec.json.decode(content, type=FeatureService) == feature_service()


@needs_entities
def test_a_changed_definition_gets_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    changed, *others = ENTITIES
    before = [feature_service().version, freshness_view(), *map(view_of, ENTITIES)]
    monkeypatch.setattr(versions, "ENTITIES", with_another_window())
    after = [feature_service().version, freshness_view(), *map(view_of, ENTITIES)]
    assert set(before) & set(after) == set(map(view_of, others))
    assert view_of(changed) not in before


@needs_entities
def test_a_model_of_another_feature_service_is_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of the features are the same, so nothing else would notice."""
    trained = feature_service().version
    monkeypatch.setattr(versions, "ENTITIES", with_another_window())
    sentence = f"trained on version {trained} of the feature service .* defines .*: train again"
    with pytest.raises(ValueError, match=sentence):
        build_service(Settings(model_dir=folder.path))


def test_a_model_of_another_feature_store_is_refused(folder: ModelFolder) -> None:
    (folder.path / versions.FILE_NAME).unlink()
    with pytest.raises(ValueError, match="trained without this feature store"):
        build_service(Settings(model_dir=folder.path))


def test_code_with_other_features_than_the_model_is_refused(folder: ModelFolder) -> None:
    signature = folder.read_signature()
    msgspec.structs.replace(signature, features=signature.features[::-1]).write(folder.signature)
    with pytest.raises(ValueError, match="train again"):
        build_service(Settings(model_dir=folder.path))
