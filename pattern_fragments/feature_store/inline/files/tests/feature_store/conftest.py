"""What the tests of the feature store share."""

import shutil
from pathlib import Path

import msgspec
import pytest

from __package__.feature_matrix import ENTITIES
from __package__.feature_store.snapshot import Snapshot
from __package__.model_folder import ModelFolder

needs_entities = pytest.mark.skipif(not ENTITIES, reason="no feature comes from a history")


def write_newer(path: Path, moment: float) -> None:
    """Replace the snapshot at `path` by one whose tables all end at `moment`."""
    old = Snapshot.read(path)
    newest = dict.fromkeys(old.newest, moment)
    msgspec.structs.replace(old, as_of=moment, newest=newest).write(path)


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the model that a test may change."""
    return ModelFolder(Path(shutil.copytree(model_folder.path, tmp_path / "model")))
