"""A model folder is replaced as a whole or not at all."""

from pathlib import Path

import pytest

from __package__.model_folder import (
    ModelFolder,
    replacing,
    write_atomically,
)
from __package__.signature import Signature


def write(path: Path, text: str) -> None:
    with replacing(path) as folder:
        folder.signature.write_text(text)


def test_the_new_model_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model"
    write(path, "old")
    write(path, "new")
    assert ModelFolder(path).signature.read_text() == "new"
    assert [entry.name for entry in path.parent.iterdir()] == ["model"]


def stop_half_way(folder: ModelFolder, error: type[BaseException]) -> None:
    folder.signature.write_text("half")
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_training_leaves_the_old_model(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "model"
    write(path, "old")
    with pytest.raises(error), replacing(path) as folder:
        stop_half_way(folder, error)
    assert ModelFolder(path).signature.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_failing_swap_puts_the_old_model_back(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path) as folder:
        folder.path.rename(folder.path.with_name("gone"))
    assert ModelFolder(path).signature.read_text() == "old"


def test_what_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep")
    with pytest.raises(ValueError, match="holds files that are no model"), replacing(tmp_path):
        pass
    with pytest.raises(ValueError, match="is a file"), replacing(tmp_path / "precious.txt"):
        pass
    assert (tmp_path / "precious.txt").read_text() == "keep"


def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make train"):
        ModelFolder(tmp_path).read_signature()


def test_a_broken_signature_is_named(tmp_path: Path) -> None:
    path = tmp_path / "signature.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"signature\.json is no signature"):
        Signature.read(path)


def test_a_signature_survives_its_file(signature: Signature, tmp_path: Path) -> None:
    signature.write(tmp_path / "signature.json")
    assert Signature.read(tmp_path / "signature.json") == signature


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
