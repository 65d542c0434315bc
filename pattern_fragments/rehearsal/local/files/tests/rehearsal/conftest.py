"""Small versions of the model, trained once, and traffic that is new to them."""

import pytest

from __package__.rehearsal.models import Models, prepare
from __package__.rehearsal.traffic import Traffic


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Champion, candidate and bad model; tests that change one work on a copy."""
    return prepare(tmp_path_factory.mktemp("rehearsal"), small=True)


@pytest.fixture(scope="session")
def traffic(models: Models) -> Traffic:
    """Two days after the models' tests."""
    return Traffic.after_test_of(models.candidate, days=2)
