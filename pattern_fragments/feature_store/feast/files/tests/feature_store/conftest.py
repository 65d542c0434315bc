"""What the tests of the feature store share."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from __package__.feature_matrix import ENTITIES
from __package__.model_folder import ModelFolder

needs_entities = pytest.mark.skipif(not ENTITIES, reason="no feature comes from a history")


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy of the model that a test may change."""
    return ModelFolder(Path(shutil.copytree(model_folder.path, tmp_path / "model")))


@pytest.fixture(scope="session")
def loaded_by_serving() -> set[str]:
    """The modules that a process has loaded when it has the parts to serve with."""
    code = """
import sys
import __package__.wiring
print(*{name.partition(".")[0] for name in sys.modules})
"""
    run = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())
