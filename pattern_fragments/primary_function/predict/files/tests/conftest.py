"""What the tests share: one model, trained once on a small window of the real data."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when scikit-learn is first imported

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from __package__.domain import data
from __package__.model_folder import ModelFolder
from __package__.signature import Signature
from __package__.train import train

# The whole service is imported by the fixtures that give it: a test of one part loads that part.
if TYPE_CHECKING:
    from __package__.service import Service
    from __package__.settings import Settings


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A trained model; tests that change it work on a copy."""
    folder = ModelFolder(tmp_path_factory.mktemp("trained") / "model")
    train(folder.path, data.SMALL_PERIOD, seed=0)
    return folder


@pytest.fixture(scope="session")
def signature(model_folder: ModelFolder) -> Signature:
    """The signature of that model."""
    return model_folder.read_signature()


@pytest.fixture(scope="session")
def settings(model_folder: ModelFolder) -> "Settings":
    """The settings of a service that serves that model."""
    from __package__.settings import Settings

    return Settings(model_dir=model_folder.path)


@pytest.fixture
def service(settings: "Settings") -> "Service":
    """A service that serves that model."""
    from __package__.wiring import build_service

    return build_service(settings)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level
