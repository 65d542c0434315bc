"""The control's code answers for both models, so it must be the code of both."""

import shutil
from pathlib import Path

import pytest

from __package__.experiment.same_code import PACKAGE, PARTS, main


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The package in the environment of another image."""
    package = tmp_path / "lib" / "python3.11" / "site-packages" / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def test_every_part_is_there() -> None:
    assert all(any(PACKAGE.glob(part)) for part in PARTS)


def test_a_release_that_makes_features_alike_is_taken(released: Path, tmp_path: Path) -> None:
    (released / "serve.py").write_text("# something else")
    assert main([str(tmp_path)]) == 0


@pytest.mark.parametrize("name", ["domain/features.py", "feature_store/offline.py"])
def test_one_that_makes_them_otherwise_is_refused(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with (released / name).open("a") as code:
        code.write("\n")
    assert main([str(tmp_path)]) == 1
    assert f"other code of features ({name})" in capsys.readouterr().err


def test_an_image_without_the_package_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert f"holds no {PACKAGE.name}" in capsys.readouterr().err
